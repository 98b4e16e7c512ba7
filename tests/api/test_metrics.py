"""What Prometheus reads: few labels, and whether trees speak for their networks."""

import re

from prometheus_client.parser import text_string_to_metric_families

PREDICT = "/v1/models/breast-cancer:predict"


def samples(client):
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_agreement_counts_every_instance(client, model, instances):
    client.post(PREDICT, json={"instances": instances})
    client.post("/v1/models/breast-cancer:explain", json={"instances": instances[:5]})
    prediction = model.predict(model.background)
    agree = (prediction.labels == prediction.tree_labels).tolist()
    found = samples(client)
    counted = {
        agrees: found.get(
            ("leafpath_tree_agreement_total",
             (("agrees", agrees), ("model", "breast-cancer"))), 0,
        )
        for agrees in ("true", "false")
    }  # fmt: skip
    assert counted["true"] == sum(agree) + sum(agree[:5])
    assert counted["true"] + counted["false"] == len(agree) + 5


def test_no_client_can_invent_a_label(client):
    for number in range(20):
        client.get(f"/invented-{number}")
        client.get(f"/v1/models/invented-{number}")
        client.open("/v1/models", method=f"INVENTED{number}")
    text = client.get("/metrics").text
    assert "invented" not in text.lower()
    assert 'route="unmatched"' in text
    assert 'method="OTHER"' in text


def test_names_follow_the_conventions(client):
    client.get("/nope")
    text = client.get("/metrics").text
    names = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    assert names
    assert all(name.startswith("leafpath_") for name in names)
