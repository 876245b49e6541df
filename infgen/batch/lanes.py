"""The queue before the diffusion model, which makes its batches full whatever the pictures hold.

Pictures hold different numbers of objects, and some objects are tried again. So a batch is the next
object of whichever pictures have waited longest, and a picture that isn't finished queues up again.
While the device is at work for one batch, the objects of the one before are stitched.

The order depends on nothing but what is painted, never on which thread was faster: the same run
makes the same batches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeVar

from infgen.models.prompts import PainterStopped
from infgen.records.errors import REFUSED
from infgen.records.plan import ImagePlan
from infgen.records.verdict import Sighting
from infgen.stages.inpaint import Inpaint, Scene

Result = TypeVar("Result")

LANES = 2  # batches under way: one on the device, one being stitched
DEPTH = 4  # batches' worth of pictures in the queue: those at its head have long been stitched


@dataclass
class Ticket:
    """A picture's place in the queue: its `scene`, or the error for which there is none, or that it
    ended with; what was `sighted` in its background; and `busy`, the batch that it is in."""

    plan: ImagePlan
    scene: Scene | Exception
    sighted: tuple[Sighting, ...] = ()
    busy: Future[None] | None = None

    @property
    def done(self) -> bool:
        return isinstance(self.scene, Exception) or self.scene.done


def painted(
    stage: Inpaint, arriving: Iterator[Sequence[Ticket]], batch_size: Callable[[], int]
) -> Iterator[Ticket]:
    """The arriving pictures as they are done, not quite in order.

    `batch_size` is asked every time: it shrinks where memory runs out. A picture that can't be
    painted has its error. Leaving early stops the stage for good.

    Raises:
        StorageError, DeviceFull, DeviceLost: no picture would fare better.
    """
    queue: deque[Ticket] = deque()
    under_way: deque[Future[None]] = deque()
    with ThreadPoolExecutor(LANES) as lanes:
        try:
            while True:
                batch: list[Ticket] = []
                while len(batch) < batch_size():
                    while len(queue) + len(batch) < DEPTH * batch_size():
                        more = next(arriving, None)
                        if more is None:
                            break
                        queue.extend(more)
                    if not queue:
                        break
                    ticket = queue.popleft()
                    if ticket.busy:
                        result_of(ticket.busy)
                    if ticket.done:
                        yield ticket
                    else:
                        batch.append(ticket)
                if not batch:
                    return
                if len(under_way) > LANES:
                    result_of(under_way.popleft())
                under_way.append(lanes.submit(_advance, stage, batch))
                for ticket in batch:
                    ticket.busy = under_way[-1]
                queue.extend(batch)
        except BaseException:
            stage.stop()  # or leaving would wait for what nobody wants any more
            lanes.shutdown(wait=False, cancel_futures=True)
            raise


def _advance(stage: Inpaint, tickets: Sequence[Ticket]) -> None:
    """The next object of each picture. Where something in the batch fails it is tried in halves, so
    that only the picture at fault is lost."""
    waiting = [ticket for ticket in tickets if not ticket.done]
    try:
        stage.advance([ticket.scene for ticket in waiting])  # type: ignore[misc]
    except (*REFUSED, PainterStopped):
        raise
    except Exception as error:
        if len(waiting) == 1:
            waiting[0].scene = error
            return
        middle = len(waiting) // 2
        _advance(stage, waiting[:middle])
        _advance(stage, waiting[middle:])


def result_of(future: Future[Result]) -> Result:
    """The future's result, waited for in a way that lets Ctrl-C through on Windows too."""
    while not future.done():
        wait([future], timeout=1)
    return future.result()
