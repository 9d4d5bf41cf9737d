"""What is published, and where it is made: pyproject.toml, conda's recipe, GitHub's workflows.

Needs the packages of ci/requirements-packaging.txt; what asks one that is missing is skipped.
"""

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = Path(__file__).parent / "packaging"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
LATER = {"ci/bench", "ci/codecs", "ci/cross"}  # commands that come with other changes
# Runners of GitHub that are there, and what cibuildwheel calls their processors.
RUNNERS = {
    "ubuntu-24.04": "x86_64",
    "ubuntu-24.04-arm": "aarch64",
    "macos-15-intel": "x86_64",
    "macos-15": "arm64",
    "windows-2025": "AMD64",
    "windows-11-arm": "ARM64",
}


def needs(module):
    return pytest.mark.skipif(
        importlib.util.find_spec(module) is None,
        reason=f"needs {module}: python -m pip install -r ci/requirements-packaging.txt",
    )


# ---------------------------------------------------------------- wheels


def identifiers(platform, package=ROOT):
    """Run cibuildwheel for all processors of a platform, as far as naming what it would build."""
    command = [sys.executable, "-m", "cibuildwheel", "--print-build-identifiers", "--platform", platform]
    return subprocess.run([*command, "--archs", "all", package], capture_output=True, text=True)


@needs("cibuildwheel")
@pytest.mark.parametrize("platform", ["linux", "macos", "windows"])
def test_wheels_are_built_for_the_listed_pythons_and_platforms(platform):
    done = identifiers(platform)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split()) == (GOLDEN / f"{platform}.txt").read_text().split()


def test_the_lists_have_every_python_on_every_processor():
    pythons = {"cp311", "cp312", "cp313", "cp314", "cp314t", "cp315", "cp315t"}
    systems = {
        "linux": {f"{libc}_{cpu}" for libc in ("manylinux", "musllinux") for cpu in ("x86_64", "aarch64")},
        "macos": {"macosx_x86_64", "macosx_arm64"},
        "windows": {"win_amd64", "win_arm64"},
    }
    for platform, tags in systems.items():
        listed = (GOLDEN / f"{platform}.txt").read_text().split()
        assert sorted(listed) == sorted(f"{python}-{tag}" for python in pythons for tag in tags)


@needs("cibuildwheel")
def test_cibuildwheel_refuses_an_unknown_key(tmp_path):
    text = (ROOT / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(text.replace("build-frontend =", "build-frontent ="))
    done = identifiers("linux", tmp_path)
    assert done.returncode != 0
    assert "build-frontent" in done.stderr


@needs("validate_pyproject")
@needs("cibuildwheel")
def test_pyproject_follows_its_schemas():
    from validate_pyproject import api, errors

    validator = api.Validator()  # with the schemas of installed tools: cibuildwheel's
    validator(PROJECT)
    wrong = PROJECT | {"tool": PROJECT["tool"] | {"cibuildwheel": {"biuld": "*"}}}
    with pytest.raises(errors.ValidationError):
        validator(wrong)


def test_the_tests_of_wheels_exist_and_ci_runs_the_same():
    asked = " ".join(PROJECT["tool"]["cibuildwheel"]["test-command"])
    modules = re.findall(r"tests/\w+\.py", asked)
    assert modules
    assert all((ROOT / module).is_file() for module in modules)
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    assert re.findall(r"\.\./(tests/\w+\.py)", workflow) == modules


# ---------------------------------------------------------------- workflows


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.stem)
def workflow(request):
    yaml = pytest.importorskip("yaml")
    parsed = yaml.safe_load(request.param.read_text())
    parsed["on"] = parsed.pop(True)  # YAML 1.1 takes the word for a boolean
    return parsed


def jobs(workflow):
    """Each job with each combination of its matrix."""
    for job in workflow["jobs"].values():
        matrix = dict(job.get("strategy", {}).get("matrix", {}))
        entries = [*matrix.pop("include", [])]
        axes = [{}]
        for name, values in matrix.items():
            axes = [{**axis, name: value} for axis in axes for value in values]
        if matrix or not entries:
            entries += axes
        for entry in entries:
            yield job, entry


def filled(text, entry):
    """The text with the values of the matrix in their places."""
    return re.sub(r"\$\{\{ matrix\.(\w+) \}\}", lambda found: entry[found[1]], text)


@needs("check_jsonschema")
def test_workflows_follow_the_schema_of_github(tmp_path):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([*command, *WORKFLOWS], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "runz-on:"))
    done = subprocess.run([*command, wrong], capture_output=True, text=True)
    assert done.returncode == 1
    assert "'runs-on' is a required property" in done.stdout


def test_the_three_workflows_are_there():
    assert [path.stem for path in WORKFLOWS] == ["benchmarks", "test", "wheels"]


def test_workflows_run_weekly_one_at_a_time_with_the_least_rights(workflow):
    assert set(workflow) == {"name", "on", "permissions", "concurrency", "jobs"}
    assert workflow["permissions"] == {"contents": "read"}
    assert "workflow_dispatch" in workflow["on"]
    assert all(re.fullmatch(r"\d+ \d+ \* \* [0-6]", at["cron"]) for at in workflow["on"]["schedule"])
    assert set(workflow["concurrency"]) == {"group", "cancel-in-progress"}
    assert "github.ref" in workflow["concurrency"]["group"]
    assert all(5 <= job["timeout-minutes"] <= 120 for job in workflow["jobs"].values())


def test_every_job_runs_on_a_runner_that_exists(workflow):
    for job, entry in jobs(workflow):
        runner = filled(job["runs-on"], entry)
        assert runner in RUNNERS
        if "archs" in entry:
            assert entry["archs"] == RUNNERS[runner]
        if "container" in job:
            assert runner.startswith("ubuntu")


def test_every_file_that_a_workflow_names_exists(workflow):
    for job, entry in jobs(workflow):
        for step in job["steps"]:
            for name in re.findall(r"\bci/[\w.-]+", filled(step.get("run", ""), entry)):
                assert (ROOT / name).is_file() or name in LATER, name


def test_actions_are_those_of_their_makers_at_a_pinned_major_version(workflow):
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            if "uses" in step:
                assert re.fullmatch(r"(actions|pypa)/[\w/-]+@(v\d+|release/v\d+)", step["uses"])
            if step.get("uses", "").startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False


def test_only_tags_publish_and_only_that_job_may():
    yaml = pytest.importorskip("yaml")
    made = yaml.safe_load((ROOT / ".github" / "workflows" / "wheels.yml").read_text())["jobs"]
    publish = made.pop("publish")
    assert publish["permissions"] == {"id-token": "write"}
    assert "refs/tags/v" in publish["if"]
    assert sorted(publish["needs"]) == sorted(made)
    assert all("permissions" not in job for job in made.values())


def test_wheels_are_built_on_every_runner():
    yaml = pytest.importorskip("yaml")
    made = yaml.safe_load((ROOT / ".github" / "workflows" / "wheels.yml").read_text())
    entries = made["jobs"]["wheels"]["strategy"]["matrix"]["include"]
    assert {entry["runner"]: entry["archs"] for entry in entries} == RUNNERS


# ---------------------------------------------------------------- conda


def rendered(platform, text=None):
    """The recipe for each Python of variants.yaml, on "linux-64" or the like."""
    build = pytest.importorskip(
        "rattler_build", reason="needs py-rattler-build: ci/requirements-packaging.txt"
    )
    target = build.PlatformConfig(target_platform=platform, host_platform=platform, build_platform="linux-64")
    variants = build.VariantConfig.from_file_with_context(
        ROOT / "conda" / "variants.yaml", build.JinjaConfig(platform=target)
    )
    recipe = build.Stage0Recipe.from_yaml(text or (ROOT / "conda" / "recipe.yaml").read_text())
    found = recipe.render(variants, build.RenderConfig(platform=target))
    return [(dict(variant.variant), variant.recipe.to_dict()) for variant in found]


@pytest.mark.parametrize("platform", ["linux-64", "linux-aarch64", "osx-64", "osx-arm64"])
def test_the_recipe_renders_for_three_pythons(platform):
    variants = rendered(platform)
    assert [variant["python"][:4] for variant, _ in variants] == ["3.11", "3.12", "3.13"]
    assert len({recipe["build"]["string"] for _, recipe in variants}) == 3
    for variant, recipe in variants:
        compiler = recipe["requirements"]["build"][0]
        assert compiler == f"{variant['c_compiler']}_{platform} {variant['c_compiler_version']}.*"
        assert {"lz4-c", "zstd", "libdeflate"} <= set(recipe["requirements"]["host"])
        assert ("python" in recipe["requirements"]["build"]) == (platform != "linux-64")  # cross-built


def test_the_recipe_tests_import_dependencies_and_a_round_trip():
    _, recipe = rendered("linux-64")[0]
    python, script = recipe["tests"]
    assert python["python"]["imports"] == ["caterva"]
    assert python["python"].get("pip_check", True)
    assert script["script"][0] == "python -m caterva info"
    for command in script["script"][1:]:
        program = re.fullmatch(r'python -c "(.*)"', command)[1]
        if "'system'" not in program or "libdeflate" in installed_codecs():
            subprocess.run([sys.executable, "-c", program], check=True)


def installed_codecs():
    import caterva

    info = caterva.build_info()
    return info["codecs"]["zlib"] if info["codecs_from"] == "system" else ""


def test_the_recipe_has_the_version_and_dependencies_of_the_package():
    _, recipe = rendered("linux-64")[0]
    assert recipe["package"] == {"name": "caterva", "version": (ROOT / "VERSION").read_text().strip()}
    conda = {re.sub("-python$", "", spec).replace("-python ", " ") for spec in recipe["requirements"]["run"]}
    ours = {spec.replace(">=", " >=") for spec in PROJECT["project"]["dependencies"]}
    assert conda == ours | {"python"}


def test_an_unknown_field_of_the_recipe_is_refused():
    text = (ROOT / "conda" / "recipe.yaml").read_text()
    assert rendered("linux-64", text)
    with pytest.raises(Exception, match="requirementz"):
        rendered("linux-64", text.replace("requirements:", "requirementz:"))
