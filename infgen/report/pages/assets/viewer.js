// One picture in a dialog: large, with its labels and everything that is known of how it was made.

"use strict";

infgen.viewer = (() => {
  const { element, swatch, number, count, album, filters, drawing } = infgen;
  const byId = (id) => document.getElementById(id);
  const BELOW = "(max-width: 56rem)"; // as in pages.css: what is told comes after the picture
  const MOST_TOLD = 3; // objects all of whose story is told at once
  const MOST_NAMED = 14; // objects that get their names written beside them
  const PIXELS = 4; // screen pixels of one of the picture's from which on they stay sharp

  let rank = 0;
  let picture;
  let detail = null;
  let lit = null; // the thing that is pointed at
  let exact = false; // a pixel of the picture for each of the screen's

  // ---- opened, closed, moved on ---------------------------------------------------------------

  async function open(at) {
    rank = at;
    const { matches } = album;
    picture = matches[rank];
    [detail, lit] = [null, null];
    byId("said").textContent = "";
    if (!byId("viewer").open) {
      byId("viewer").showModal();
      byId("viewer-title").focus();
    }
    const [width, height] = picture.size;
    byId("viewer-title").textContent = `Picture ${picture.number} · ${picture.split} · ${width} × ${height}`;
    byId("place").textContent = `${number(rank + 1)} of ${number(matches.length)}`;
    byId("previous").disabled = rank === 0;
    byId("next").disabled = rank === matches.length - 1;
    byId("stage").setAttribute("aria-label", album.summary(picture));
    byId("told").replaceChildren();
    byId("large").hidden = true; // and not the one before until this one is there
    drawing.draw(byId("over"), picture.size, []);
    const opened = picture;
    const read = await album.load(picture).catch((error) => ({ trouble: error.message }));
    if (opened !== picture) return; // somebody has gone on meanwhile
    detail = read;
    byId("told").replaceChildren(...told());
    byId("told").scrollTop = 0;
    showPicture();
  }

  function move(step) {
    const there = rank + step;
    if (there >= 0 && there < album.matches.length) album.openAt(there);
  }

  function close() {
    if (byId("viewer").open) byId("viewer").close();
  }

  // ---- the picture ----------------------------------------------------------------------------

  function showPicture() {
    const image = byId("large");
    image.parentElement.style.backgroundImage = "none";
    image.onload = redraw;
    image.onerror = () => showThumbnail("The picture's file can't be reached from this page");
    image.hidden = false;
    fit();
    redraw();
    if (picture.trouble) showThumbnail(`The picture can't be read: ${picture.trouble}`);
    else if (detail.href) image.src = detail.href;
    else showThumbnail("The picture lies in an archive, and there are too many to have copies here");
  }

  function showThumbnail(why) {
    byId("large").hidden = true;
    album.setSprite(byId("large").parentElement, picture);
    const instead = picture.trouble ? "." : ": this is its thumbnail.";
    byId("told").prepend(element("p", { class: "quiet" }, why + instead));
  }

  /** Give the picture its size: all of the stage, or its own. */
  function fit() {
    const stage = byId("stage");
    const pad = 2 * parseFloat(getComputedStyle(stage).paddingTop);
    const below = matchMedia(BELOW).matches;
    stage.style.maxHeight = below ? "70vh" : "";
    const room = [stage.clientWidth - pad, below ? 0.62 * innerHeight : stage.clientHeight - pad];
    const fitting = Math.min(...picture.size.map((side, at) => room[at] / side));
    const scale = exact ? 1 / (window.devicePixelRatio || 1) : fitting;
    const [width, height] = picture.size.map((side) => `${Math.max(side * scale, 1)}px`);
    Object.assign(byId("large").parentElement.style, { width, height });
    byId("large").style.imageRendering = scale >= PIXELS ? "pixelated" : "auto";
  }

  function redraw() {
    if (!detail || !byId("viewer").open) return;
    const names = album.layers.boxes && (detail.things || []).length <= MOST_NAMED;
    drawing.draw(byId("over"), picture.size, album.marks(detail, { lit, names }));
  }

  function light(thing) {
    lit = thing;
    redraw();
  }

  /** Have a thing stand out in the picture while it is hovered or focused here. */
  function pointAt(place, thing) {
    for (const event of ["pointerenter", "focusin"]) place.addEventListener(event, () => light(thing));
    for (const event of ["pointerleave", "focusout"]) place.addEventListener(event, () => light(null));
    return place;
  }

  function zoom() {
    exact = !exact;
    byId("zoom").setAttribute("aria-pressed", exact);
    fit();
    redraw();
  }

  // ---- what is told of it ---------------------------------------------------------------------

  const nameOf = (thing) => filters.told("class", thing.class);
  const place = ([x0, y0, x1, y1]) => `${x0}, ${y0} – ${x1}, ${y1}`;
  const list = (items) => element("ul", {}, ...items.map((one) => element("li", {}, one)));

  function told() {
    if (detail.trouble) return [element("p", {}, detail.trouble)];
    const { things = [], dropped = [], droppedDecoys = [], decoys = [], sighted = [] } = detail;
    const seen = sighted.map((one) => `${nameOf(one)}, score ${one.score}, at ${place(one.box)}`);
    const { scene = [], changes = [], finish = [], file, href } = detail;
    const nothing = element("p", { class: "quiet" }, "Nothing is labelled in it.");
    return [
      ...section("Marked as bad", picture.marked && element("p", { class: "name" }, picture.marked)),
      ...section(count(things.length, "object"), things.length ? labels(things) : nothing),
      ...section("Left out", ...dropped.map((one) => leftOut(one, nameOf(one)))),
      ...section("Decoys left out", ...droppedDecoys.map((one) => leftOut(one, "decoy"))),
      ...section("Background", scene.length && facts(scene)),
      ...section("Seen in the background, without a label", seen.length && list(seen)),
      ...section("Decoys: repainted with background", ...decoys.map(decoy)),
      ...section("The whole picture changed", changes.length && list(changes)),
      ...section("Finish", finish.length && facts(finish)),
      ...section("File", element("p", { class: "name" }, href ? element("a", { href }, file) : file)),
    ];
  }

  /** A part of what is told, if there is anything in it. */
  function section(title, ...inside) {
    const some = inside.filter(Boolean);
    return some.length ? [element("section", {}, element("h3", {}, title), ...some)] : [];
  }

  function facts(rows) {
    const cells = ([name, value]) => [element("dt", {}, name), element("dd", {}, value)];
    return element("dl", { class: "facts" }, ...rows.flatMap(cells));
  }

  // Columns of the labels' table. Those of which nothing is known are left out.
  const COLUMNS = {
    box: (thing) => place(thing.box),
    area: (thing) => number(thing.area ?? 0),
    visible: (thing) => (thing.visible === undefined ? "" : `${Math.round(100 * thing.visible)} %`),
    method: (thing) => (thing.method ? filters.told("method", thing.method) : ""),
    score: (thing) => String(thing.score ?? ""),
    crowd: (thing) => (thing.crowd ? "yes" : ""),
  };

  function labels(things) {
    const columns = Object.entries(COLUMNS).filter(([, tell]) => things.some((one) => tell(one)));
    const heads = ["class", ...columns.map(([name]) => name)];
    const head = element("tr", {}, ...heads.map((name) => element("th", { scope: "col" }, name)));
    const rows = things.flatMap((one) => labelRows(one, columns, things.length <= MOST_TOLD));
    return element("table", { id: "labels" }, element("thead", {}, head), element("tbody", {}, ...rows));
  }

  /** An object's row, and the one below it that tells how it came about. */
  function labelRows(thing, columns, opened) {
    const about = [
      swatch(album.data.classes[thing.class][1]),
      element("span", { class: "name" }, nameOf(thing)),
    ];
    const known = thing.facts || thing.tries;
    const opener = known
      ? element("button", { type: "button", class: "opener", "aria-expanded": String(opened) }, ...about)
      : element("span", { class: "opener", tabindex: "0" }, ...about);
    const cells = columns.map(([, tell]) => element("td", {}, tell(thing)));
    const row = element("tr", { class: "object" }, element("th", { scope: "row" }, opener), ...cells);
    pointAt(row, thing);
    if (!known) return [row];
    const story = [facts(thing.facts || []), tries(thing.tries)];
    const more = element("tr", { hidden: !opened }, element("td", { colspan: cells.length + 1 }, ...story));
    opener.addEventListener("click", () => {
      more.hidden = !more.hidden;
      opener.setAttribute("aria-expanded", !more.hidden);
    });
    return [row, more];
  }

  function leftOut(one, name) {
    const where = one.box ? `, asked for at ${place(one.box)}` : "";
    const said = element("p", {}, element("b", { class: "name" }, name), `: ${one.reason}${where}`);
    const made = element("div", { tabindex: one.box ? "0" : null }, said, tries(one.tries));
    return one.box ? pointAt(made, one) : made;
  }

  function decoy(one) {
    const made = element("div", { tabindex: "0" }, element("p", {}, place(one.box)), tries(one.tries));
    return pointAt(made, one);
  }

  /** What a model tried, and what was measured of it; null if it didn't. */
  function tries(all) {
    if (!all) return null;
    const items = all.map(([reason, measures]) => {
      const measured = element("dl", { class: "facts" }, ...Object.entries(measures).flatMap(measure));
      return element("li", {}, reason || "used", measured);
    });
    const many = all.length === 1 ? "1 try" : `${all.length} tries`;
    return element("div", {}, element("p", { class: "quiet" }, many), element("ol", {}, ...items));
  }

  /** A measure in words. What has crossed a bar is marked. */
  function measure([name, value]) {
    const [words, least, most] = album.data.measures[name] || [name.replaceAll("_", " "), null, null];
    const low = least !== null && value < least;
    const high = most !== null && value > most;
    const bar = low ? `, ${least} is the least` : high ? `, ${most} is the most` : "";
    const told = element("dd", { class: low || high ? "fails" : null }, `${value}${bar}`);
    return [element("dt", {}, words), told];
  }

  // ---- begin ----------------------------------------------------------------------------------

  async function copyLink() {
    const link = `${location.href.split("#")[0]}#picture=${picture.number}`;
    try {
      await navigator.clipboard.writeText(link);
      byId("said").textContent = "The link is copied.";
    } catch {
      prompt("Copy this link", link); // the browser keeps its clipboard from pages on disk
    }
  }

  function pressed(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const scrolls = exact && event.target === byId("stage");
    if (event.key === "ArrowLeft" && !scrolls) move(-1);
    else if (event.key === "ArrowRight" && !scrolls) move(1);
    else if (event.key.toLowerCase() === "z") zoom();
    else return;
    event.preventDefault();
  }

  addEventListener("DOMContentLoaded", () => {
    const dialog = byId("viewer");
    if (!dialog) return; // there are no pictures
    dialog.addEventListener("close", () => album.closed(rank));
    dialog.addEventListener("keydown", pressed);
    dialog.addEventListener("click", (event) => event.target === dialog && close()); // beside it
    byId("close").addEventListener("click", close);
    byId("previous").addEventListener("click", () => move(-1));
    byId("next").addEventListener("click", () => move(1));
    byId("zoom").addEventListener("click", zoom);
    byId("copy").addEventListener("click", copyLink);
    new ResizeObserver(() => {
      if (!detail || !dialog.open) return;
      fit();
      redraw();
    }).observe(byId("stage"));
  });

  return { open, close, redraw };
})();
