"""The page: four tabs over a studio, and the endpoints beside it."""

from __future__ import annotations

from typing import Any

import gradio as gr
from fastapi import FastAPI

from infgen.ui.studio.dataset_tab import DatasetTab
from infgen.ui.studio.form import Form
from infgen.ui.studio.look import CSS, ENDED, theme, title
from infgen.ui.studio.run_tab import RunTab
from infgen.ui.studio.studio import Studio
from infgen.ui.studio.tables_tab import TablesTab
from infgen.ui.studio.telling import UNASKED, expose, shown

MOST_UPLOAD = "64mb"  # of a file
KEPT = 24 * 3600  # seconds that files are kept which were made to be shown
SAMPLES = 6


def mount(app: FastAPI, studio: Studio, signed_in: bool) -> None:
    """Put the page and the endpoints at the root of `app`; who is `signed_in` can sign out."""
    page = _page(studio, signed_in)
    page.queue(default_concurrency_limit=4)
    gr.mount_gradio_app(
        app,
        page,
        "/",
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=MOST_UPLOAD,
        allowed_paths=[],
        blocked_paths=[str(studio.workspace.own / "lock")],
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        theme=theme(),
        css=CSS,
        head=ENDED if signed_in else None,
    )
    page.has_launched = True  # it isn't told when it is mounted, and checks no file's path before


def _page(studio: Studio, signed_in: bool) -> gr.Blocks:
    with gr.Blocks(title="infgen studio", delete_cache=(KEPT, KEPT)) as page:
        expose(studio)  # first: a name that the page has taken would be changed
        gr.HTML(title(str(studio.workspace.root), signed_in))
        with gr.Tabs():
            with gr.Tab("Tables", id="tables"):
                tables = TablesTab(studio)
            with gr.Tab("Preview", id="preview"):
                form = _preview_tab(studio, tables)
            with gr.Tab("Run", id="run") as runs:
                run = RunTab(studio, tables, form)
            with gr.Tab("Dataset", id="dataset") as tab:
                dataset = DatasetTab(studio)
        runs.select(run.opened, None, run.shown, **UNASKED)
        tab.select(
            shown(studio, dataset.opened),
            dataset.name,
            dataset.shown,
            api_visibility="private",
            show_progress="hidden",
        )

        def read(seen: dict[str, str]) -> list[Any]:
            return [*tables.read(seen), tables.pictures.there(), *run.read()]

        filled = [*tables.all, tables.pictures.shown, run.name, *form.fields]
        page.load(read, tables.seen, filled, **UNASKED)
    return page


def _preview_tab(studio: Studio, tables: TablesTab) -> Form:
    """The settings, and beside them what they would make."""
    with gr.Row():
        with gr.Column(scale=2, min_width=320):
            gr.Markdown("### Settings")
            form = Form()
        with gr.Column(scale=3, min_width=320):
            gr.Markdown("### What they would make")
            with gr.Row():
                boxes = gr.Button("Planned boxes", variant="primary", elem_id="boxes")
                samples = gr.Button(f"Paint {SAMPLES} samples", elem_id="samples")
                costs = gr.Button("Estimate", elem_id="costs")
            sheet = gr.Image(
                type="filepath",
                label="Contact sheet",
                show_label=False,
                interactive=False,
                buttons=["fullscreen", "download"],
                elem_id="sheet",
            )
            facts = gr.Markdown(elem_classes="facts", elem_id="facts")

    count = len(tables.inputs)

    form.draw_others()

    def look(*values: Any) -> tuple[str, str]:
        tables.save(*values[:count])
        asked = form.asked(values[count:])
        return str(studio.preview(asked)), _in_numbers(studio.plan(asked))

    def paint(*values: Any) -> str:
        tables.save(*values[:count])
        return str(studio.preview(form.asked(values[count:]), SAMPLES))

    def estimate(*values: Any) -> str:
        tables.save(*values[:count])
        return _costs(studio.estimate(form.asked(values[count:])))

    inputs = [*tables.inputs, *form.fields]
    boxes.click(shown(studio, look), inputs, [sheet, facts], api_visibility="private")
    samples.click(shown(studio, paint), inputs, sheet, api_visibility="private")
    costs.click(shown(studio, estimate), inputs, facts, api_visibility="private")
    return form


def _in_numbers(plan: dict[str, Any]) -> str:
    """A plan's numbers as Markdown."""
    lines = [f"{plan['pictures']:,} pictures of {plan['width']} x {plan['height']}"]
    if plan["counted"] < plan["pictures"]:
        lines[0] += f"; in {plan['counted']:,} of them, spread evenly:"
    lines += ["", "| class | pictures | objects | no room |", "|---|---:|---:|---:|"]
    for one in plan["classes"]:
        numbers = " | ".join(f"{one[key]:,}" for key in ("pictures", "objects", "no_room"))
        lines.append(f"| {_cell(one['name'])} | {numbers} |")
    lines += ["", *(f"- {_cell(note)}" for note in plan["notes"])]
    return "\n".join(lines)


def _costs(found: dict[str, Any]) -> str:
    """An estimate as Markdown."""
    lines = [f"- **{what}**: {_cell(much)}" for what, much in found["estimate"].items()]
    lines += ["", *(f"- {_cell(note)}" for note in found["warnings"])]
    lines += ["", f'<a href="/{found["page"]}" target="_blank">The whole preview on a page</a>']
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Text that Markdown takes for nothing else."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>#+-.!|~" else letter for letter in text)
