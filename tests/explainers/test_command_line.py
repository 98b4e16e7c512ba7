"""`leafpath verify` and `leafpath describe` on a bundle that is right, then broken."""

from click.testing import CliRunner

from leafpath import main


def test_verify_says_ok_then_names_the_damage(linear_bundle):
    good = CliRunner().invoke(main, ["verify", str(linear_bundle)])
    assert good.exit_code == 0
    assert "ok, linear version 1" in good.output
    tree = linear_bundle / "tree.json"
    tree.write_bytes(tree.read_bytes() + b" ")
    bad = CliRunner().invoke(main, ["verify", str(linear_bundle)])
    assert bad.exit_code == 1
    assert "tree.json: " in bad.output
    assert len(bad.output.splitlines()) == 1


def test_describe_prints_metrics_tree_and_rules(linear_bundle):
    result = CliRunner().invoke(main, ["describe", str(linear_bundle)])
    assert result.exit_code == 0
    for expected in (
        "linear version 1",
        "auc                       0.500  (95 % 0.200 to 0.800, n=10)",
        "average path length",
        "a <= 0.5 ?",
        "leaf 3: if a > 0.5 and b <= -1.5 then yes",
        "sha256:",
    ):
        assert expected in result.output


def test_keygen_sign_and_verify_with_keys(linear_bundle, tmp_path):
    key, bundle = str(tmp_path / "key.pem"), str(linear_bundle)
    verify = ["verify", bundle, "--keys", f"{key}.pub"]
    assert CliRunner().invoke(main, ["keygen", key]).exit_code == 0
    unsigned = CliRunner().invoke(main, verify)
    assert unsigned.exit_code == 1
    assert f"{bundle}: manifest.sig: missing" in unsigned.output
    signed = CliRunner().invoke(main, ["sign", bundle, "--key", key])
    assert signed.exit_code == 0
    assert "signed, sha256:" in signed.output
    assert CliRunner().invoke(main, verify).exit_code == 0
    for wrong in (["keygen", key], ["sign", bundle, "--key", f"{key}.pub"],
                  ["verify", bundle, "--keys", key]):  # fmt: skip
        refused = CliRunner().invoke(main, wrong)
        assert refused.exit_code == 1
        assert len(refused.output.splitlines()) == 1
