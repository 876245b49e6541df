"""How the studio looks: a quiet theme of the system's own letters, and what the page says."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import gradio as gr

from infgen.ui.studio.jobs import Status

STATES = {
    "idle": "Nothing is running",
    "running": "Running",
    "stopping": "Stopping",
    "finished": "Finished",
    "stopped": "Stopped",
    "failed": "Failed",
}

CSS = """
.gradio-container { max-width: 1180px !important; width: 100%; margin: 0 auto !important; }
.gradio-container, .gradio-container :is(.main, .wrap, .contain, .tabs, .tabitem),
  .contain > .column, .tabitem > .column { min-width: 0 !important; }
#title { display: flex; align-items: baseline; gap: .75rem; flex-wrap: wrap; padding: .25rem 0; }
#title h1 { font-size: 1.25rem; margin: 0; }
#title form { margin-left: auto; }
#title button { font-size: .875rem; color: inherit; cursor: pointer; }
#title span { color: var(--body-text-color-subdued); font-size: .875rem; overflow-wrap: anywhere; }
.grid-wrap { height: auto !important; max-height: none !important; }
.fields .block { border: 0; }
.run { display: grid; gap: .5rem; padding: .25rem 0; }
.run .head { display: flex; justify-content: space-between; gap: 1rem; flex-wrap: wrap; }
.run .head b { font-size: 1.0625rem; }
.run .numbers { color: var(--body-text-color-subdued); font-variant-numeric: tabular-nums; }
.run progress { width: 100%; height: .625rem; accent-color: var(--primary-500); }
.run ul { margin: 0; padding-left: 1.125rem; font-size: .875rem; }
.run .warning { color: #8a5a00; }
.dark .run .warning { color: #f0c674; }
.run .error { color: #a3231a; white-space: pre-wrap; margin: 0; }
.dark .run .error { color: #ff9d94; }
.facts table { width: auto !important; }
.facts :is(th, td) { border-color: var(--border-color-primary) !important;
  padding: .25rem .75rem !important; word-break: normal !important;
  overflow-wrap: normal !important; }
.toast-wrap { top: auto !important; bottom: 1rem !important; }
footer { display: none !important; }
@media (max-width: 640px) {
  .gradio-container { padding: .5rem !important; }
  .row > .column { min-width: 100% !important; }
  .grid-container { grid-template-columns: repeat(2, minmax(0, 1fr)) !important; }
}
"""

SIGN_OUT = '<form method="post" action="/logout"><button>Sign out</button></form>'

ENDED = """\
<script>
const ask = window.fetch;
window.fetch = async (...question) => {
  const answer = await ask(...question);
  if (answer.status === 401) location.assign("/login");
  return answer;
};
</script>"""
"""Leads whoever's session has ended to the sign-in."""


def theme() -> gr.themes.Base:
    """Nothing in it is fetched from anywhere."""
    return gr.themes.Default(
        primary_hue=gr.themes.colors.blue,
        neutral_hue=gr.themes.colors.slate,
        spacing_size=gr.themes.sizes.spacing_sm,
        radius_size=gr.themes.sizes.radius_sm,
        font=("system-ui", "sans-serif"),
        font_mono=("ui-monospace", "monospace"),
    )


def title(workspace: str, signed_in: bool) -> str:
    """The page's head."""
    out = SIGN_OUT if signed_in else ""
    return f'<div id="title"><h1>infgen studio</h1><span>{escape(workspace)}</span>{out}</div>'


def run_shown(status: Status) -> str:
    """The run as a piece of the page."""
    name = f": {escape(status['dataset'])}" if status["dataset"] else ""
    head = f"<b>{STATES[status['state']]}{name}</b>"
    numbers = f'<span class="numbers">{escape(_numbers(status))}</span>'
    parts = [f'<div class="head" role="status">{head}{numbers}</div>']
    if status["total"]:
        done, total = status["done"], status["total"]
        parts.append(f'<progress max="{total}" value="{done}" aria-label="done"></progress>')
    if status["error"]:
        parts.append(f'<p class="error" role="alert">{escape(status["error"])}</p>')
    parts.append(_list("warning", status["warnings"]))
    parts.append(_list("said", status["said"]))
    return f'<div class="run">{"".join(parts)}</div>'


def _numbers(status: Status) -> str:
    if not status["total"]:
        return ""
    text = f"{status['done']:,} of {status['total']:,} {status['what']}"
    if status["failed"]:
        text += f", {status['failed']:,} failed"
    if status["rate"]:
        text += f" · {status['rate']:.1f}/s"
    if status["seconds_left"] >= 0:
        text += f" · {clock(status['seconds_left'])} left"
    return text


def _list(kind: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    return "<ul>" + "".join(f'<li class="{kind}">{escape(one)}</li>' for one in lines) + "</ul>"


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss, or m:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def size_shown(size: float) -> str:
    """Bytes in words."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def mistakes_shown(mistakes: Sequence[str]) -> str:
    """What is wrong with the tables, as Markdown that takes no cell for markup."""
    if not mistakes:
        return "Saved. Nothing is wrong with the tables."
    count = "one mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    lines = "\n".join(f"<li>{escape(one)}</li>" for one in mistakes)
    return f'<div class="run"><div>Saved, with {count}:</div><ul class="error">{lines}</ul></div>'
