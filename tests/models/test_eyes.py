"""Detectors, segmenters and scorers on small real models, loaded from folders as users' are.

Their weights are random: these tests prove shapes, geometry, labels and files, and nothing about
how well a trained model sees. No trained one could be had where they were written.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

pytest.importorskip("torch", reason="the diffusion extra isn't installed")
pytest.importorskip("transformers", reason="the diffusion extra isn't installed")

import torch
import transformers
from transformers.models.grounding_dino import GroundingDinoImageProcessorPil
from transformers.models.owlv2 import Owlv2ImageProcessorPil
from transformers.models.sam import SamImageProcessorPil
from transformers.models.siglip import SiglipImageProcessorPil

from infgen.models import placing
from infgen.models.detections import LEAST_SCORE
from infgen.models.detectors import Phrases, corners, phrase_scores, sigmoid
from infgen.models.eyes import load_eyes, resolve_eyes
from infgen.models.known_eyes import ARCHITECTURES
from infgen.models.segmenters import Request, best_mask, box_in
from infgen.models.settings import VerifySettings
from infgen.models.turns import Question
from infgen.records.box import Box
from infgen.records.errors import DeviceFull, DeviceLost

GROUNDING = ["grounding-dino", "mm-grounding-dino"]
DETECTORS = [*GROUNDING, "owlv2"]
SEGMENTERS = ["sam", "sam2", "sam2_video"]
EVERY = [*DETECTORS, *SEGMENTERS, "siglip"]
TEXTS = [
    ["a red ball", "a blue cube"],
    ["a teapot"],
    ["cup", "a green ball", "red"],
    ["a red ball", "a blue cube"],
    ["ball", "cube"],
]
SHAPES = [(64, 80), (48, 48), (130, 40), (64, 80), (90, 64)]
BOXES = [Box(5, 8, 50, 40), Box(0, 0, 48, 48), Box(10.5, 60, 30, 99.5), Box(2, 2, 9, 9),
         Box(20, 30, 60, 80)]  # fmt: skip


@pytest.fixture(scope="module")
def eye(small_eye):
    """`eye("sam")` is such a model, loaded; one for all tests of this file."""
    loaded = {}

    def load(architecture):
        if architecture not in loaded:
            role = ARCHITECTURES[architecture].role
            settings = VerifySettings(**{role: str(small_eye(architecture))})
            loaded[architecture] = getattr(load_eyes(resolve_eyes(settings, "cpu")), role)
        return loaded[architecture]

    return load


@pytest.fixture
def fresh(eye):
    """The same with its batch size put back afterwards."""
    used = []

    def load(architecture):
        used.append((eye(architecture)._turns, eye(architecture)._turns.batch_size))
        return eye(architecture)

    yield load
    for turns, size in used:
        turns.batch_size = size


def pictures(shapes=SHAPES):
    rng = np.random.default_rng(5)
    return [rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in shapes]


def ask(one, shown, texts, boxes):
    """Whatever it is."""
    if hasattr(one, "detect"):
        return one.detect(shown, texts)
    return one.segment(shown, boxes) if hasattr(one, "segment") else one.score(shown, texts)


def assert_same(answer, other):
    """To the last bits of arithmetic, which differ with the batch."""
    assert len(answer) == len(other)
    for one, two in zip(answer, other, strict=True):
        if isinstance(one, list):
            assert [each.label for each in one] == [each.label for each in two]
            assert np.allclose([[e.score, *e.box.xyxy] for e in one],
                               [[e.score, *e.box.xyxy] for e in two], atol=1e-2)  # fmt: skip
        elif one.dtype == bool:
            assert one.shape == two.shape and (one != two).mean() < 0.01
        else:
            assert np.allclose(one, two, atol=1e-4)


@contextmanager
def hooked(one, hook):
    handle = one._model.register_forward_pre_hook(hook, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


# ---- what is answered ----------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", DETECTORS)
def test_detections_are_sorted_and_inside_their_pictures(eye, architecture):
    found = eye(architecture).detect(pictures(), TEXTS)
    assert len(found) == len(SHAPES) and any(found)
    for own, texts, (height, width) in zip(found, TEXTS, SHAPES, strict=True):
        scores = [one.score for one in own]
        assert scores == sorted(scores, reverse=True)
        assert all(LEAST_SCORE <= score <= 1 for score in scores)
        assert all(one.label in range(len(texts)) for one in own)
        for one in own:
            assert one.box.intersect(Box(0, 0, width, height)) == one.box


@pytest.mark.parametrize("architecture", SEGMENTERS)
def test_masks_have_their_pictures_shapes(eye, architecture):
    masks = eye(architecture).segment(pictures(), BOXES)
    assert [(mask.shape, mask.dtype) for mask in masks] == [(shape, bool) for shape in SHAPES]
    assert any(mask.any() for mask in masks) and not all(mask.all() for mask in masks)


def test_every_text_gets_a_score(eye):
    scores = eye("siglip").score(pictures(), TEXTS)
    assert [len(own) for own in scores] == [len(texts) for texts in TEXTS]
    assert all(own.dtype == np.float32 and (own > 0).all() and (own < 1).all() for own in scores)


@pytest.mark.parametrize("architecture", EVERY)
def test_company_changes_nothing(eye, architecture):
    """In one call, one by one, and again."""
    one, shown = eye(architecture), pictures()
    together = ask(one, shown, TEXTS, BOXES)
    alone = [ask(one, [p], [t], [b])[0] for p, t, b in zip(shown, TEXTS, BOXES, strict=True)]
    assert_same(together, alone)
    again = ask(one, shown, TEXTS, BOXES)
    if isinstance(together[0], list):
        assert again == together
    else:
        assert all(np.array_equal(*pair) for pair in zip(together, again, strict=True))


def test_texts_keep_their_numbers(eye):
    """Turned round they are found and scored as before. (Grounding DINO reads them as one text, in
    which places count: see how it is held against its own processor, below.)"""
    [picture], texts = pictures([(64, 80)]), ["a red ball", "tea", "a blue cube"]
    [before], [after] = (eye("siglip").score([picture], [own]) for own in (texts, texts[::-1]))
    assert np.allclose(before, after[::-1], atol=1e-5)
    [before], [after] = (eye("owlv2").detect([picture], [own]) for own in (texts, texts[::-1]))
    assert before and [2 - each.label for each in after] == [each.label for each in before]


@pytest.mark.parametrize("architecture", EVERY)
def test_nothing_asked_is_nothing_answered(eye, architecture):
    assert ask(eye(architecture), [], [], []) == []
    if ARCHITECTURES[architecture].role != "segmenter":
        shown = pictures()[:3]
        answers = ask(eye(architecture), shown, [[], ["a ball"], []], [])
        assert [len(answer) for answer in (answers[0], answers[2])] == [0, 0]


@pytest.mark.parametrize("architecture", EVERY)
def test_pictures_may_be_views(eye, architecture):
    """Crops of larger pictures, turned ones, and read-only ones."""
    [whole] = pictures([(100, 120)])
    crop = whole[10:74, 90:10:-1]
    crop.flags.writeable = False
    shown = [crop, np.ascontiguousarray(crop)]
    one, other = ask(eye(architecture), shown, TEXTS[:1] * 2, BOXES[:1] * 2)
    assert_same([one], [other])


# ---- as transformers does it ---------------------------------------------------------------------


@pytest.mark.parametrize("architecture", GROUNDING)
@pytest.mark.parametrize("shape", [(64, 80), (80, 64)], ids=str)
def test_grounding_dino_as_its_own_processor_would_ask_and_read_it(
    eye, small_eye, architecture, shape
):
    detector, [picture], texts = eye(architecture), pictures([shape]), ["a teapot", "red ball"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(small_eye(architecture))
    images = GroundingDinoImageProcessorPil.from_pretrained(small_eye(architecture))
    processor = transformers.GroundingDinoProcessor(images, tokenizer)
    inputs = processor(images=picture, text=[texts], return_tensors="pt")
    with torch.inference_mode():
        answer = detector._model(**inputs)
        [row] = detector._phrases(0, texts)
        [(boxes, scores)] = detector._guess([picture], shape, [row])
    assert row.tokens == inputs["input_ids"][0].tolist()
    [theirs] = processor.post_process_grounded_object_detection(
        answer, threshold=-1, target_sizes=[shape]
    )
    assert np.allclose(boxes, theirs["boxes"], atol=1e-3)
    # whose token is whose, by the letters they stand for
    text = "a teapot. red ball."
    letters = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    for number, (first, last) in enumerate([(0, 8), (10, 18)]):
        own = [n for n, (start, end) in enumerate(letters) if first <= start < end <= last]
        expected = answer.logits[0].sigmoid()[:, own].mean(1)
        assert np.allclose(scores[:, number], expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(64, 48), (40, 64), (64, 64)], ids=str)
def test_owlv2_as_its_own_processor_would_ask_and_read_it(eye, small_eye, shape):
    pytest.importorskip("scipy")
    detector, [picture], texts = eye("owlv2"), pictures([shape]), ["a teapot", "red ball"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(small_eye("owlv2"))
    images = Owlv2ImageProcessorPil.from_pretrained(small_eye("owlv2"))
    processor = transformers.Owlv2Processor(images, tokenizer)
    # its authors fill up with grey; the processor of transformers 5 would take black
    square = np.full((64, 64, 3), 0.5, np.float32)
    square[: shape[0], : shape[1]] = picture / np.float32(255)
    inputs = processor(images=square, text=[texts], do_rescale=False, return_tensors="pt")
    with torch.inference_mode():
        answer = detector._model(**inputs)
        [(boxes, scores)] = detector._guess([Question(picture, texts)])
    assert np.allclose(scores, answer.logits[0].sigmoid(), atol=1e-4)
    [theirs] = processor.post_process_grounded_object_detection(
        answer, threshold=-1, target_sizes=[shape]
    )
    assert np.allclose(boxes, theirs["boxes"], atol=1e-2)


@pytest.mark.parametrize("shape", [(64, 48), (40, 64), (64, 64)], ids=str)
def test_sam_as_its_own_processor_would_ask_and_read_it(eye, small_eye, shape):
    segmenter, [picture] = eye("sam"), pictures([shape])
    processor = transformers.SamProcessor(SamImageProcessorPil.from_pretrained(small_eye("sam")))
    box = Box(5, 8, 30.5, 39)
    inputs = processor(images=picture, input_boxes=[[[*box.xyxy]]], return_tensors="pt")
    sizes = [inputs.pop(name) for name in ("original_sizes", "reshaped_input_sizes")]
    with torch.inference_mode():
        answer = segmenter._model(**inputs)
    [[theirs]] = processor.post_process_masks(answer.pred_masks, *sizes)
    best = theirs[answer.iou_scores[0, 0].argmax()]
    [mask] = segmenter.segment([picture], [box])
    assert (mask != best.numpy()).mean() < 0.005


def test_siglip_as_its_authors_ask_it(eye, small_eye):
    """A text, its end, and what fills up to 64; in lower case."""
    scorer, [picture] = eye("siglip"), pictures([(32, 32)])
    images = SiglipImageProcessorPil.from_pretrained(small_eye("siglip"))
    space, a, b = 5, 6, 7
    rows = [[b, a, space, b, 1], [a, 1], [b] * 63 + [1]]
    words = torch.tensor([row + [0] * (64 - len(row)) for row in rows])
    with torch.inference_mode():
        seen = images(picture, return_tensors="pt")["pixel_values"]
        expected = scorer._model(input_ids=words, pixel_values=seen).logits_per_image.sigmoid()[0]
    [scores] = scorer.score([picture], [["Ba B", "A", "b" * 99]])
    assert np.allclose(scores, expected, atol=1e-5)


def test_sam_2_for_pictures_is_what_the_checkpoint_for_video_holds(small_eye, eye):
    video = transformers.Sam2VideoModel.from_pretrained(small_eye("sam2_video"))
    ours, theirs = eye("sam2_video")._model.state_dict(), video.state_dict()
    assert type(eye("sam2_video")._model) is transformers.Sam2Model
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


# ---- on fixed numbers ----------------------------------------------------------------------------


def test_phrases_get_the_mean_of_their_own_tokens():
    """[CLS] a red ball . tea ##pot . [SEP] and three that fill up"""
    shares = np.array(
        [
            [0.9, 0.1, 0.5, 0.9, 0.9, 0.2, 0.4, 0.9, 0.9, 0, 0, 0],
            [0.1, 0.2, 0.2, 0.2, 0.1, 0.8, 1.0, 0.1, 0.1, 0, 0, 0],
        ]
    )
    with np.errstate(divide="ignore"):
        logits = np.log(shares) - np.log1p(-shares)  # to the infinities that mark no token
    scores = phrase_scores(logits, [slice(1, 4), slice(5, 7), slice(8, 8)])
    assert scores.dtype == np.float32
    assert np.allclose(scores, [[0.5, 0.3, 0], [0.2, 0.9, 0]])


def test_sigmoids_dont_run_over():
    with np.errstate(all="raise"):
        extremes = sigmoid(np.array([-np.inf, -1e4, 0, 1e4, np.inf], np.float32))
    assert extremes.tolist() == [0, 0, 0.5, 1, 1]


def test_boxes_are_shares_of_what_the_model_saw():
    shares = np.array([[0.5, 0.5, 1.0, 1.0], [0.25, 0.75, 0.5, 0.25]])
    assert corners(shares, 80, 40).tolist() == [[0, 0, 80, 40], [0, 25, 40, 35]]
    # OWLv2 on 80x40: a square of 80, of which the lower half is filling
    assert corners(shares, 80, 80).tolist() == [[0, 0, 80, 80], [0, 50, 40, 70]]


def test_the_tokens_of_phrases_whatever_they_contain(eye):
    detector = eye("grounding-dino")
    [row] = detector._phrases(7, ["A Red ball", "St. tea? cup", "", "blue"])
    # [CLS] a red ball . [UNK] tea cup . . blue . [SEP]
    assert row == Phrases(
        7,
        0,
        [101, 200, 201, 202, 1012, 100, 206, 208, 1012, 1012, 203, 1012, 102],
        [slice(1, 4), slice(5, 8), slice(9, 9), slice(10, 11)],
    )


def test_more_phrases_than_fit_are_read_in_several_goes(eye):
    detector = eye("grounding-dino")  # 32 tokens
    texts = ["a red ball"] * 7 + ["a blue cube"] * 2 + ["a " * 50 + "cup"]
    rows = detector._phrases(0, texts)
    assert [row.first for row in rows] == [0, 7, 9]
    assert all(len(row.tokens) <= 32 and row.tokens[-1] == 102 for row in rows)
    assert [len(row.spans) for row in rows] == [7, 2, 1]
    [picture] = pictures([(64, 80)])
    [found] = detector.detect([picture], [texts])
    [first] = detector.detect([picture], [texts[:7]])
    assert max(one.label for one in found) >= 7
    assert found[0].score >= first[0].score


def test_boxes_are_told_in_what_the_segmenter_sees():
    request = Request(np.zeros((50, 100, 3), np.uint8), Box(10, 5, 60, 50))
    assert box_in(request, (512, 1024)) == pytest.approx([102.4, 51.2, 614.4, 512])  # SAM
    assert box_in(request, (1024, 1024)) == pytest.approx([102.4, 102.4, 614.4, 1024])  # SAM 2


def test_of_several_masks_the_one_of_the_highest_iou_comes_back_in_place():
    masks = torch.full((3, 16, 16), -1.0)
    masks[0], masks[2] = 1.0, 1.0
    masks[1, :, 8:] = 1.0  # the right half of the square
    ious = torch.tensor([0.2, 0.9, 0.4])
    whole = best_mask(masks, ious, 64, (64, 64), (30, 40))  # SAM 2
    assert whole.shape == (30, 40) and not whole[:, :20].any() and whole[:, 20:].all()
    # SAM: a picture of 30x48 px lies in the upper left 40x64 of the square
    masks[1] = -1.0
    masks[1, :5] = 1.0  # of 16 rows, so 20 px of the square, so 15 of the picture
    upper = best_mask(masks, ious, 64, (40, 64), (30, 48))
    assert upper[:15].all() and not upper[15:].any()


# ---- batches, threads, memory --------------------------------------------------------------------


@pytest.mark.parametrize("architecture", EVERY)
def test_batches_are_halved_where_memory_runs_out(fresh, architecture):
    one, sizes = fresh(architecture), []
    expected = ask(one, pictures(), TEXTS, BOXES)

    def fail(module, args, kwargs):
        sizes.append(len(kwargs["pixel_values"]))
        if sizes[-1] > 1:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    with hooked(one, fail):
        assert_same(ask(one, pictures(), TEXTS, BOXES), expected)
    assert max(sizes) == 2 and one._turns.batch_size == 1
    sizes.clear()
    assert_same(ask(one, pictures(), TEXTS, BOXES), expected)


def test_no_memory_for_a_single_picture_is_one_sentence(fresh):
    def fail(module, args, kwargs):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    with (
        hooked(fresh("sam"), fail),
        pytest.raises(DeviceFull, match=r"memory for sam, .* name a smaller model, or use --verif"),
    ):
        fresh("sam").segment(pictures(), BOXES)


def test_a_device_that_is_lost_is_told_from_other_errors(fresh, monkeypatch):
    def fail(module, args, kwargs):
        raise RuntimeError("an illegal memory access was encountered")

    with hooked(fresh("sam"), fail):
        with pytest.raises(RuntimeError, match="illegal"):
            fresh("sam").segment(pictures(), BOXES)
        monkeypatch.setattr("infgen.models.turns.answers", lambda device: False)
        with pytest.raises(DeviceLost, match="cpu doesn't answer any more: RuntimeError: an ille"):
            fresh("sam").segment(pictures(), BOXES)
    assert placing.answers("cpu")


@pytest.mark.parametrize("architecture", ["grounding-dino", "siglip"])
def test_threads_take_turns(eye, architecture):
    one, busy, most = eye(architecture), threading.Semaphore(0), []

    def enter(module, args, kwargs):
        busy.release()
        most.append(busy._value)

    def leave(module, args, output):
        busy.acquire()

    def look(turn=0):
        return ask(one, pictures(), TEXTS, BOXES)

    expected = look()
    after = one._model.register_forward_hook(leave)
    try:
        with hooked(one, enter), ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(look, range(8)))
    finally:
        after.remove()
    assert set(most) == {1}
    for answer in answers:
        assert_same(answer, expected)
