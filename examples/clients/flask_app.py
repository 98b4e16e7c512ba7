"""A page that shows a prediction with its reasons: flask --app flask_app run."""

import os

import requests
from flask import Flask, abort, render_template_string, request

SERVER = os.environ.get("SERVER", "http://127.0.0.1:8000")
MODEL = f"{SERVER}/v1/models/breast-cancer"
PAGE = """
<!doctype html><title>Case</title>
<h1>{{ label }} ({{ share }})</h1>
<p>{{ trust }}</p>
<ul>{% for reason in reasons %}<li>{{ reason }}</li>{% endfor %}</ul>
"""

app = Flask(__name__)
session = requests.Session()  # keeps its connection


@app.post("/case")
def show_case():
    """Explain the posted case, {feature: value}."""
    body = {"instances": [request.get_json()]}
    reply = session.post(f"{MODEL}:explain", json=body, timeout=5)
    if reply.status_code == 422:  # the user's value, in words for the user
        abort(400, reply.json()["detail"])
    reply.raise_for_status()
    answer = reply.json()
    prediction, (path,) = answer["predictions"][0], answer["explanations"][0]
    return render_template_string(
        PAGE,
        label=prediction["label"],
        share=share(max(prediction["probabilities"])),
        trust=trust(path, answer["warnings"]),
        reasons=reasons(path) if path["agrees"] else [],
    )


def share(probability):
    """Return a probability in words that never promise certainty."""
    return "over 99 %" if probability > 0.99 else f"{100 * probability:.0f} %"


def trust(path, warnings):
    """Say how far the reasons can be believed, before giving any."""
    if warnings:
        beyond = "; ".join(warning["problem"] for warning in warnings)
        return (
            f"The answer may not hold for a case unlike all it was made of: {beyond}."
        )
    if not path["agrees"]:
        return (
            "The simple rules come to another answer here, so they do not explain it. "
            "Have a person look at this case."
        )
    cases = f"{100 * path['fidelity']:.0f} of 100"
    words = f"In {cases} new cases like this one the rules and the network agree."
    if path["margin"] is not None and path["margin"] < 0.1:
        words += " This case lies close to a threshold: a small change would matter."
    return words


def reasons(path):
    """Return the decisions in words."""
    words = {"<=": "at most", ">": "above"}
    return [
        f"{step['name']} is {step['value']:.4g}: {words[step['operator']]} "
        f"{step['threshold']:.4g}"
        for step in path["path"]
    ]
