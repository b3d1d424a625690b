"""Reports against their JSON Schema, with a validator that is not ours."""

import json
import unittest

import jsonschema

from program import ROOT, SHARED, audit

SCHEMA = json.loads((ROOT / "docs/report.schema.json").read_text())


class Schema(unittest.TestCase):
    def validator(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        return jsonschema.Draft202012Validator(SCHEMA)

    def subjects(self):
        examples = ROOT / "audits/examples"
        yield from (examples / "leaky", examples / "clean", examples / "clean/0000.out.safetensors")
        if SHARED.exists():
            yield from sorted(path for path in SHARED.iterdir() if path.is_dir())

    def test_every_report_is_valid(self):
        validator = self.validator()
        for subject in self.subjects():
            with self.subTest(subject=subject.name):
                for extra in ([], ["--policy", "release", "--source", "uniform:64"]):
                    errors = [f"{list(e.path)}: {e.message[:200]}" for e in validator.iter_errors(audit(subject, *extra))]
                    self.assertEqual(errors, [])

    def test_the_schema_refuses(self):
        validator = self.validator()
        report = audit(ROOT / "audits/examples/leaky")
        for damage in (lambda r: r.update(verdict="maybe"), lambda r: r.pop("totals"), lambda r: r.update(novel=1),
                       lambda r: r["findings"][0].update(severity="fatal"),
                       lambda r: r["subject"]["files"][0].update(sha256="abc"),
                       lambda r: r["layers"][0].update(experts="eight")):
            broken = json.loads(json.dumps(report))
            damage(broken)
            self.assertFalse(validator.is_valid(broken))


if __name__ == "__main__":
    unittest.main()
