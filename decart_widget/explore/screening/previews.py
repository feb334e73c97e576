"""``explore.preview``: many prompts on one still, at the price of a picture each.

    looks = explore.preview(explore.grid(style=[...], light=[...]), "clip.mp4", at=1.5)
    looks                                        # the plan: pictures and money
    looks.start().wait()
    looks                                        # the pictures, numbered
    sheet = looks.sweep("clip.mp4", [3, 17, 40], seconds=3)

A picture says what a prompt makes of colours and outlines, nothing about flicker or motion: those
are seen in the sweep of the chosen ones.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Self

from decart_widget.diagnostics.hidden_arguments import hides_arguments
from decart_widget.diagnostics.redaction import shorten
from decart_widget.errors import InvalidOptionError, InvalidPromptError
from decart_widget.explore.screening.screened import PreviewPlan, Screened, page
from decart_widget.prices import PRICES_AS_OF, image_price
from decart_widget.session.generate import LONGEST_PROMPT, RESOLUTIONS, check_seed

if TYPE_CHECKING:
    from decart_widget.explore.screening.screening_run import ScreeningRun

MAX_PROMPTS: Final = 500
"""Prompts that are screened at once."""

MOST_AT_ONCE: Final = 16
"""Requests at once at most."""


@hides_arguments
def preview(
    prompts: Any,
    frame: Any,
    *,
    at: float = 0.0,
    image: Any = None,
    enrich: bool = True,
    resolution: str = "480p",
    seed: int | None = 0,
    budget: str | None = None,
    start: bool = False,
    at_once: int = 4,
    api_key: str | None = None,
    endpoint: Any = None,
) -> Preview:
    """Plans what many prompts make of one still; nothing is sent or billed before it is started.

    Args:
        prompts: A list of prompts, a template or ``explore.grid(...)``, as for a sweep; a prompt
            that occurs again is left out. 500 at most, of 1000 characters at most.
        frame: The still: a picture of any type that ``image=`` takes, or a clip.
        at: Time in seconds of the frame that is taken from a clip.
        image: A reference image for all of them.
        enrich: Whether the service may elaborate the prompts.
        resolution: ``"480p"`` or ``"720p"``, at different prices.
        seed: 0 to 2**32 - 1: the same for all, so that only the prompts differ. None: any.
        budget: US dollars, as in ``"$1"``: with it, the preview starts at once if it pays for all.
        start: Whether to start at once.
        at_once: Requests at once, 1 to 16.
        api_key: A permanent key; None reads ``DECART_API_KEY``.
        endpoint: As for ``Session``.

    Returns:
        The preview; shown in a notebook, it is its plan and then its pictures.

    Raises:
        ConfigurationError: An argument is invalid, or the budget doesn't pay for all prompts.
    """
    from decart_widget.explore.planning.axes import design
    from decart_widget.explore.screening.screening_run import ScreeningRun
    from decart_widget.explore.screening.still import still
    from decart_widget.inputs.secrets import Secret
    from decart_widget.runtime.destination import Destination
    from decart_widget.widgets.arguments import check_bool, dollar_amount, one_of

    # No variable here keeps a key as text, because a traceback may show local variables.
    try:
        key = None if api_key is None else Secret(api_key)
    finally:
        del api_key
    one_of("resolution", resolution, RESOLUTIONS)
    check_bool("enrich", enrich)
    check_seed(seed)
    if (
        isinstance(at_once, bool)
        or not isinstance(at_once, int)
        or not 1 <= at_once <= MOST_AT_ONCE
    ):
        raise InvalidOptionError(
            f"at_once is {at_once!r}.", remedy=f"Give 1 to {MOST_AT_ONCE} requests at once."
        )
    planned = design(prompts, model="lucy-latest", image=image, enrich=enrich)
    texts = _texts([(choice.prompt, bool(choice.changes)) for choice in planned.choices])
    each = image_price(resolution)
    plan = PreviewPlan(
        pictures=len(texts),
        resolution=resolution,
        cost=None if each is None else round(each * len(texts), 6),
        prices_as_of=PRICES_AS_OF,
        duplicates=planned.duplicates + len(planned.choices) - len(texts),
    )
    most = None
    if budget is not None:
        most = _paid(dollar_amount(budget, 'Give US dollars, such as "$1".'), plan, each)
    run = ScreeningRun(
        texts,
        still(frame, at),
        reference=next(iter(planned.images.values()), None),
        enrich=enrich,
        resolution=resolution,
        seed=seed,
        price=each,
        at_once=at_once,
        most=most,
        destination=Destination(endpoint, key),
    )
    made = Preview(plan, run, image=image, enrich=enrich)
    return made.start() if start or budget is not None else made


def _texts(choices: list[tuple[str | None, bool]]) -> list[str]:
    """Returns the prompts without those that occur again.

    Raises:
        InvalidOptionError: There are too many, or one is a schedule.
        InvalidPromptError: One is missing or too long.
    """
    texts: dict[str, None] = {}
    for prompt, is_schedule in choices:
        if is_schedule:
            raise InvalidOptionError(
                "A still can't show a schedule.", remedy="Give its prompts one by one."
            )
        if prompt is None:
            raise InvalidPromptError(
                "A picture needs a prompt.", remedy="Give one beside the reference image."
            )
        if len(prompt) > LONGEST_PROMPT:
            raise InvalidPromptError(
                f"The prompt {shorten(prompt, 60)!r} has {len(prompt):,} characters.",
                remedy=f"Give at most {LONGEST_PROMPT:,} for pictures.",
            )
        texts[prompt] = None
    if len(texts) > MAX_PROMPTS:
        raise InvalidOptionError(
            f"There are {len(texts):,} prompts.", remedy=f"Preview {MAX_PROMPTS} at most at once."
        )
    return list(texts)


def _paid(dollars: float, plan: PreviewPlan, each: float | None) -> int:
    """Returns how many pictures a budget pays for, if that is all of them.

    Raises:
        InvalidOptionError: It doesn't, or no price is known.
    """
    if plan.cost is None or not each:
        raise InvalidOptionError(
            f"No price is known for pictures at {plan.resolution}, so they have no budget.",
            remedy="Set one in decart_widget.prices.IMAGE_PRICES first, or use start=True.",
        )
    if plan.cost > dollars + 1e-9:
        raise InvalidOptionError(
            f"{plan.pictures} pictures cost ${plan.cost:.2f}; the budget is ${dollars:.2f}.",
            remedy=f"It pays for {int(dollars / each + 1e-9)}: give fewer prompts, or more money.",
        )
    return int(dollars / each + 1e-9)


class Preview:
    """What many prompts make of one still; ``explore.preview`` makes it.

    Args:
        plan: What it will take.
        run: Does the work.
        image: The reference image as it was given, for sweeps.
        enrich: As for ``preview``.

    Attributes:
        plan: Pictures, money and what was left out.
    """

    def __init__(self, plan: PreviewPlan, run: ScreeningRun, *, image: Any, enrich: bool) -> None:
        self.plan = plan
        self._run = run
        self._image = image
        self._enrich = enrich
        self._lock = threading.Lock()

    @property
    def results(self) -> tuple[Screened, ...]:
        """One for each prompt, in their order; numbered from 0."""
        return self._run.results()

    @property
    def state(self) -> str:
        """``"planned"``, ``"running"``, ``"stopped"`` or ``"done"``."""
        if self._run.is_running:
            return "running"
        if not self._run.has_started:
            return "planned"
        return "done" if all(each.is_over for each in self.results) else "stopped"

    @property
    def cost(self) -> float | None:
        """US dollars for the pictures so far; None where no price is known."""
        return self._run.cost

    def start(self) -> Self:
        """Starts, or asks again for those that are missing; refused prompts are not asked again."""
        with self._lock:
            self._run.start()
        return self

    def stop(self) -> None:
        """Begins no further request; those on their way end, and are billed."""
        self._run.stop()

    def wait(self, timeout: float | None = None) -> Self:
        """Waits until no request is on its way.

        Args:
            timeout: Seconds; None for no limit.

        Returns:
            The preview.

        Raises:
            TimeoutError: It goes on.
            DecartError: None of the pictures could be made, for a reason such as a refused key.
        """
        self._run.wait(timeout)
        return self

    def sweep(self, source: Any, chosen: Iterable[int], **options: Any) -> Any:
        """Makes a sweep of chosen prompts, with the same reference image and ``enrich``.

        Args:
            source: The clip.
            chosen: Numbers of the prompts.
            **options: Further arguments of ``explore.sweep``.

        Returns:
            The sheet.

        Raises:
            InvalidOptionError: There is no such number, or none.
            ConfigurationError: As ``explore.sweep``.
        """
        from decart_widget.explore.sweeps import sweep

        results = self.results
        numbers = list(dict.fromkeys(chosen))
        wrong = [n for n in numbers if not isinstance(n, int) or not 0 <= n < len(results)]
        if wrong or not numbers:
            raise InvalidOptionError(
                f"There is no prompt {wrong[0]!r}." if wrong else "No prompt is chosen.",
                remedy=f"Give numbers from 0 to {len(results) - 1}, as shown below the pictures.",
            )
        given = {"image": self._image, "enrich": self._enrich, **options}
        return sweep(source, [results[n].prompt for n in numbers], **given)

    def _repr_html_(self) -> str:
        return page(self.plan, self.results, self.state, self.cost)

    def __repr__(self) -> str:
        done = sum(each.picture is not None for each in self.results)
        if self.state == "planned":
            return f"Preview({self.plan}; start() begins)"
        return f"Preview({done} of {self.plan.pictures} pictures, {self.state})"
