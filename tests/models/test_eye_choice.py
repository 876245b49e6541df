"""Which models look at what was painted: what is taken, and what is said before a run."""

import json
import shutil
from types import SimpleNamespace

import pytest

pytest.importorskip("torch", reason="the diffusion extra isn't installed")
pytest.importorskip("transformers", reason="the diffusion extra isn't installed")

import torch
import transformers
from safetensors.torch import load_file, save_file

from infgen.models import verdict
from infgen.models.eyes import Eyes, load_eyes, resolve_depth, resolve_eyes
from infgen.models.known_eyes import ARCHITECTURES, EYES, default_of, taken
from infgen.models.settings import DepthSettings, VerifySettings
from infgen.records.errors import InputError, MissingExtra
from tests.models.fake_hub import SHA

DEFAULT = {"detector": "grounding-dino", "segmenter": "sam2", "scorer": "siglip"}


def resolve(device="cpu", verify="auto", **named):
    named = {role: str(source) for role, source in named.items()}
    if "depth" in named:
        return resolve_depth(DepthSettings(depth=True, depth_model=named["depth"]), device)
    return resolve_eyes(VerifySettings(verify=verify, **named), device)


def sentences(device="cpu", **named):
    return [str(problem) for problem in resolve(device, **named).problems]


def put_on(hub, small_eye, *roles):
    for role in roles:
        hub.repositories[default_of(role)] = small_eye(DEFAULT[role])


# ---- what is taken -------------------------------------------------------------------------------


def test_every_known_model_is_one_that_its_role_takes():
    for role, rows in EYES.items():
        assert rows and all(row.architecture in taken(role) for row in rows.values())
        assert all(row.licence and row.memory_gb > 0 for row in rows.values())
    assert all(one.class_name in dir(transformers) for one in ARCHITECTURES.values())


def test_nobody_asks_without_being_told_to(hub, small_eye):
    put_on(hub, small_eye, "detector", "segmenter", "scorer")
    for device in ("cpu", "cuda"):
        for verify in ("auto", "change", "off"):
            resolved = resolve(device, verify)
            assert not resolved.eyes and not resolved.problems and not resolved.record
    assert load_eyes(resolve()) == Eyes()
    assert not hub.asked


def test_a_detector_is_asked_for_by_word(hub, small_eye):
    put_on(hub, small_eye, "detector", "scorer")
    resolved = resolve(verify="detector")
    name = default_of("detector")
    assert resolved.names == (f"{name}@{SHA[:8]}",)
    assert resolved.licences == (f"{name}: Apache-2.0",)
    assert resolved.download_bytes > 0
    assert resolved.record == {
        "detector": {"model": f"{name}@{SHA[:8]}", "weights": "", "dtype": "fp32"}
    }
    assert resolved.warnings == (f"{name} takes seconds a picture without a GPU",)
    assert not resolve("cuda", verify="detector").warnings
    eyes = load_eyes(resolved)
    assert eyes.detector and not eyes.segmenter and not eyes.scorer
    hub.asked.clear()
    again = resolve(verify="detector")
    assert again.record == resolved.record and again.download_bytes == 0
    assert load_eyes(again).detector
    assert not hub.asked


def test_on_a_gpu_auto_takes_what_was_downloaded_before(hub, small_eye):
    put_on(hub, small_eye, "detector", "segmenter", "scorer")
    load_eyes(resolve(verify="detector"))
    hub.asked.clear()
    assert list(resolve("cuda").eyes) == ["detector"]
    assert not resolve("cpu").eyes
    assert not resolve("cuda", "change").eyes
    named = resolve("cuda", segmenter=small_eye("sam"))
    assert list(named.eyes) == ["detector", "segmenter"]
    assert list(resolve("cpu", segmenter=small_eye("sam")).eyes) == ["segmenter"]
    assert not hub.asked


def test_a_dataset_goes_on_with_the_eyes_that_it_was_begun_with(hub, small_eye):
    """Whatever this machine's cache holds, and the hub's branch has moved on to."""
    put_on(hub, small_eye, "detector", "scorer")
    begun = resolve(verify="detector")
    pins = begun.pins
    assert pins == {"detector": f"{default_of('detector')}@{SHA}"}
    load_eyes(begun)
    hub.sha = "f" * 40
    for device in ("cpu", "cuda"):
        for verify in ("auto", "detector"):
            later = resolve_eyes(VerifySettings(verify=verify), device, pins)
            assert later.record == begun.record and not later.problems
    by_name = VerifySettings(detector=default_of("detector"))
    assert resolve_eyes(by_name, "cpu", pins).record == begun.record
    another = VerifySettings(detector=str(small_eye("owlv2")))
    assert resolve_eyes(another, "cpu", pins).names == ("owlv2",)
    assert list(resolve("cuda").eyes) == ["detector"]  # a new dataset takes what is there,
    assert not resolve_eyes(VerifySettings(), "cuda", {}).eyes  # one begun without doesn't


def test_pinned_eyes_come_from_the_hub_or_it_is_said_how_to_get_them(hub, small_eye, tmp_path):
    put_on(hub, small_eye, "detector")
    pins = {"detector": f"{default_of('detector')}@{SHA}"}
    fetched = resolve_eyes(VerifySettings(), "cpu", pins)
    assert fetched.download_bytes and fetched.pins == pins
    hub.broken = True
    [problem] = resolve_eyes(VerifySettings(), "cpu", pins).problems
    for words in ("--detector IDEA", "begun with its revision 01234567", "models--IDEA-Research"):
        assert words in str(problem)
    folder = shutil.copytree(small_eye("owlv2"), tmp_path / "mine")
    pins = resolve(detector=folder).pins
    assert resolve_eyes(VerifySettings(), "cpu", pins).names == ("mine",)
    folder.rename(tmp_path / "elsewhere")
    [problem] = resolve_eyes(VerifySettings(), "cpu", pins).problems
    assert "no such folder; the dataset was begun with it: say with --detector" in str(problem)


def test_only_eyes_with_something_to_do_are_taken(hub, small_eye):
    put_on(hub, small_eye, "detector")
    load_eyes(resolve(verify="detector"))
    settings = VerifySettings(segmenter=str(small_eye("sam")), scorer="no/thing")
    found = resolve_eyes(settings, "cuda", roles=("detector",))
    assert list(found.eyes) == ["detector"] and not found.problems
    assert [warning.split()[0] for warning in found.warnings] == ["--segmenter", "--scorer"]


def test_what_is_there_but_no_good_is_passed_over(hub, small_eye, monkeypatch):
    put_on(hub, small_eye, "detector")
    load_eyes(resolve(verify="detector"))
    monkeypatch.setattr(verdict, "missing_packages", lambda lora: ("transformers",))
    assert not resolve("cuda").eyes and not resolve("cuda").problems
    monkeypatch.undo()
    hub.repositories.clear()


def test_named_models_without_a_use_are_told(small_eye):
    resolved = resolve(verify="off", detector=small_eye("owlv2"), scorer="no/thing")
    assert not resolved.eyes and not resolved.problems
    assert resolved.warnings == (
        "--detector does nothing with --verify off",
        "--scorer does nothing with --verify off",
    )


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_folders_are_taken_by_what_is_in_them(small_eye, tmp_path, architecture):
    folder = shutil.copytree(small_eye(architecture), tmp_path / "mine")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    role = ARCHITECTURES[architecture].role
    resolved = resolve(**{role: folder})
    assert resolved.licences == ("mine: mit",)
    [(name, record)] = resolved.record.items()
    assert (name, record["model"], len(record["weights"])) == (role, "mine", 12)
    assert getattr(load_eyes(resolved), role)


def test_folders_may_hold_the_files_of_older_and_newer_transformers(small_eye, tmp_path):
    folder = shutil.copytree(small_eye("grounding-dino"), tmp_path / "mine")
    usual = load_eyes(resolve(detector=folder)).detector
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    (folder / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.get)))
    (folder / "tokenizer.json").unlink()
    look = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": look}))
    (folder / "preprocessor_config.json").unlink()
    other = load_eyes(resolve(detector=folder)).detector
    assert other._look == usual._look
    assert other._phrases(0, ["a teapot", "cup"]) == usual._phrases(0, ["a teapot", "cup"])


def test_other_weights_in_the_same_folder_are_noticed(small_eye, tmp_path):
    folder = shutil.copytree(small_eye("sam"), tmp_path / "mine")
    before = resolve(segmenter=folder).record
    assert resolve(segmenter=folder).record == before
    change(folder, lambda weights: next(iter(weights.values())).add_(1))
    assert resolve(segmenter=folder).record != before


def test_weights_are_loaded_in_32_bits_whatever_their_files_hold(small_eye, tmp_path):
    folder = tmp_path / "half"
    model = transformers.SiglipModel.from_pretrained(small_eye("siglip"), dtype=torch.float16)
    shutil.copytree(small_eye("siglip"), folder)
    model.save_pretrained(folder)
    scorer = load_eyes(resolve(scorer=folder)).scorer
    assert {parameter.dtype for parameter in scorer._model.parameters()} == {torch.float32}
    assert not scorer._model.training


# ---- what is said --------------------------------------------------------------------------------


def test_names_that_can_be_nothing():
    [text] = sentences(detector="grounding-dino")
    assert text.startswith("--detector grounding-dino: no such model: give a hub id (owner/name) ")
    assert text.endswith(f"infgen knows {', '.join(EYES['detector'])}")


def test_folders_that_are_none(tmp_path, small_eye):
    assert sentences(scorer=tmp_path / "no") == [
        f"--scorer {tmp_path / 'no'}: there is no such folder"
    ]
    [empty] = sentences(segmenter=tmp_path)
    assert empty.endswith("no transformers model: it has no config.json")
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"")
    assert sentences(detector=file)[0].endswith("where a folder in transformers' format is needed")


@pytest.mark.parametrize(
    ("architecture", "gone", "named"),
    [
        ("sam", "model.safetensors", "weights"),
        ("owlv2", "preprocessor_config.json", "preprocessor_config.json"),
        ("owlv2", "tokenizer.json", "vocabulary"),
        ("grounding-dino", "tokenizer.json", "vocabulary"),
        ("siglip", "tokenizer.json", "vocabulary"),
    ],
)
def test_what_a_folder_lacks_is_named(small_eye, tmp_path, architecture, gone, named):
    folder = shutil.copytree(small_eye(architecture), tmp_path / "part")
    (folder / gone).unlink()
    [text] = sentences(**{ARCHITECTURES[architecture].role: folder})
    assert text.endswith(f"incomplete: it lacks {named}")


def test_a_model_of_another_kind_is_told_what_is_taken(small_eye, tmp_path):
    [text] = sentences(detector=small_eye("sam"))  # though it has no vocabulary, either
    assert text.endswith(
        "a model of the kind sam, which is no detector that infgen can run: it takes "
        "grounding-dino, mm-grounding-dino, owlv2"
    )
    odd = shutil.copytree(small_eye("siglip"), tmp_path / "odd")
    for entries, what in (({}, "something else"), ({"model_type": "bert"}, "kind bert")):
        (odd / "config.json").write_text(json.dumps(entries))
        [text] = sentences(scorer=odd)
        assert what in text and text.endswith("it takes siglip")
    (odd / "config.json").write_text("[]")
    assert "its config.json can't be read" in sentences(scorer=odd)[0]


def test_ids_that_the_hub_has_not_or_gives_not_to_all(hub, small_eye):
    [text] = sentences(detector="IDEA-Research/grounding-dino-tinny")
    assert "the hub has no such model" in text
    assert text.endswith("did you mean IDEA-Research/grounding-dino-tiny?")
    hub.repositories["a/b"] = small_eye("sam")
    hub.gated.add("a/b")
    assert "gated: accept its licence on" in sentences(segmenter="a/b")[0]
    hub.broken = True
    assert len(sentences(segmenter="c/d", detector="e/f")) == 2
    [text] = sentences(verify="detector")
    assert text.startswith("--verify detector: IDEA-Research/grounding-dino-tiny: not in the cache")


def test_a_repository_of_something_else_is_known_before_its_weights_come(hub, small_eye):
    hub.repositories["a/b"] = small_eye("siglip")
    [text] = sentences(detector="a/b")
    assert "a model of the kind siglip, which is no detector" in text
    assert not any("safetensors" in path for path in hub.asked)


def test_a_disk_too_small(hub, small_eye, monkeypatch):
    put_on(hub, small_eye, "detector")
    few = SimpleNamespace(total=0, used=0, free=5)
    monkeypatch.setattr("infgen.models.hub.shutil.disk_usage", lambda path: few)
    assert "are to be downloaded to" in sentences(verify="detector")[0]


def test_missing_packages_come_with_the_install_line(monkeypatch, small_eye):
    monkeypatch.setattr(verdict, "missing_packages", lambda lora: ("transformers",))
    resolved = resolve(detector=small_eye("owlv2"))
    [text] = map(str, resolved.problems)
    assert text.endswith("needs transformers: pip install 'infgen[diffusion]'")
    with pytest.raises(MissingExtra, match="pip install 'infgen"):
        load_eyes(resolved)
    assert not resolve().problems


def test_a_transformers_that_is_too_old_is_told_apart(monkeypatch, small_eye):
    old = {**ARCHITECTURES, "sam2": ARCHITECTURES["sam2"]._replace(class_name="Sam9Model")}
    monkeypatch.setattr("infgen.models.eye_choice.ARCHITECTURES", old)
    [text] = sentences(segmenter=small_eye("sam2"))
    assert text.endswith("has no Sam9Model: pip install -U transformers")


def test_problems_keep_anything_from_loading(tmp_path):
    with pytest.raises(InputError, match="there is no such folder"):
        load_eyes(resolve(detector=tmp_path / "no"))


# ---- damaged weights -----------------------------------------------------------------------------


def change(folder, how):
    weights = load_file(folder / "model.safetensors")
    how(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_weights_that_are_missing_are_never_made_up(small_eye, tmp_path, architecture):
    folder = shutil.copytree(small_eye(architecture), tmp_path / "part")
    # not one that is there twice, under another name
    gone = [name for name in load_file(folder / "model.safetensors") if "norm" in name][:3]
    assert gone
    change(folder, lambda weights: [weights.pop(name) for name in gone])
    role = ARCHITECTURES[architecture].role
    with pytest.raises(
        InputError, match=rf"^--{role}: part lacks some of its weights .*and 2 more"
    ):
        load_eyes(resolve(**{role: folder}))


def test_weights_of_another_size_are_one_sentence(small_eye, tmp_path):
    folder = shutil.copytree(small_eye("siglip"), tmp_path / "odd")
    name = "text_model.head.weight"
    change(folder, lambda weights: weights.update({name: torch.zeros(3, 3)}))
    with pytest.raises(InputError, match=r"^--scorer: odd "):
        load_eyes(resolve(scorer=folder))


def test_files_that_break_off_are_one_sentence(small_eye, tmp_path):
    for architecture, file in (("sam", "model.safetensors"), ("owlv2", "tokenizer.json")):
        folder = shutil.copytree(small_eye(architecture), tmp_path / architecture)
        data = (folder / file).read_bytes()
        (folder / file).write_bytes(data[: len(data) // 2])
        role = ARCHITECTURES[architecture].role
        with pytest.raises(InputError, match=r"can't be loaded, its files may be damaged"):
            load_eyes(resolve(**{role: folder}))


def test_loading_says_nothing(small_eye, capfd):
    wanted = {"segmenter": small_eye("sam2_video"), "detector": small_eye("owlv2")}
    capfd.readouterr()  # building them may speak
    load_eyes(resolve(**wanted))
    said = capfd.readouterr()
    assert said.out == said.err == ""
