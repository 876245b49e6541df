// One picture in a dialog: large, with its labels and everything that is known of how it was made.

"use strict";

infgen.viewer = (() => {
  const { element, number, count } = infgen;
  const byId = (id) => document.getElementById(id);
  const MOST_NAMED = 14; // objects that get their names written beside them

  let rank = 0;
  let picture;
  let detail = null;
  let lit = null; // the thing that is pointed at
  let exact = false; // a pixel of the picture for each of the screen's

  // ---- opened, closed, moved on -----------------------------------------------------------------

  async function open(at) {
    rank = at;
    const { matches } = infgen.album;
    picture = matches[rank];
    [detail, lit] = [null, null];
    const dialog = byId("viewer");
    if (!dialog.open) {
      dialog.showModal();
      byId("viewer-title").focus();
    }
    byId("viewer-title").textContent = `Picture ${picture.number} · ${picture.split} · ${picture.size[0]} × ${picture.size[1]}`;
    byId("place").textContent = `${number(rank + 1)} of ${number(matches.length)}`;
    byId("previous").disabled = rank === 0;
    byId("next").disabled = rank === matches.length - 1;
    byId("stage").setAttribute("aria-label", `Picture ${picture.number}: ${infgen.album.summary(picture)}`);
    byId("told").replaceChildren();
    clear(byId("over"));
    const opened = picture;
    const read = await infgen.album.load(picture).catch((error) => ({ trouble: error.message }));
    if (opened !== picture) return; // somebody has gone on meanwhile
    detail = read;
    byId("told").replaceChildren(...told());
    byId("told").scrollTop = 0;
    showPicture();
  }

  function move(step) {
    const there = rank + step;
    if (there >= 0 && there < infgen.album.matches.length) infgen.album.openAt(there);
  }

  function close() {
    if (byId("viewer").open) byId("viewer").close();
  }

  // ---- the picture ------------------------------------------------------------------------------

  function showPicture() {
    const image = byId("large");
    const instead = (why) => {
      image.hidden = true;
      infgen.album.setSprite(byId("large").parentElement, picture);
      byId("told").prepend(element("p", { class: "quiet" }, why));
    };
    const sheet = image.parentElement;
    sheet.style.backgroundImage = "none";
    image.hidden = false;
    image.onload = () => redraw();
    image.onerror = () => instead("The picture's file can't be reached from this page: this is its thumbnail.");
    fit();
    if (picture.trouble) instead(`The picture can't be read: ${picture.trouble}.`);
    else if (detail.href) image.src = detail.href;
    else instead("The picture lies in an archive, and too many of them are there to have copies here: this is its thumbnail.");
    redraw();
  }

  /** Give the picture its size: all of the stage, or its own. */
  function fit() {
    const stage = byId("stage");
    const style = getComputedStyle(stage);
    const room = [stage.clientWidth - 2 * parseFloat(style.paddingLeft), stage.clientHeight - 2 * parseFloat(style.paddingTop)];
    const scale = exact ? 1 / (window.devicePixelRatio || 1) : Math.min(room[0] / picture.size[0], room[1] / picture.size[1]);
    const [width, height] = picture.size.map((side) => Math.max(side * scale, 1));
    Object.assign(byId("large").parentElement.style, { width: `${width}px`, height: `${height}px` });
    byId("large").style.imageRendering = scale >= 4 ? "pixelated" : "auto";
  }

  function redraw() {
    if (!detail || !byId("viewer").open) return;
    const { album, drawing } = infgen;
    const names = album.layers.boxes && (detail.things || []).length <= MOST_NAMED;
    drawing.draw(byId("over"), picture.size, album.marks(detail, album.layers, { lit, names }));
  }

  const clear = (canvas) => canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);

  function light(thing) {
    lit = thing;
    redraw();
  }

  function zoom() {
    exact = !exact;
    byId("zoom").setAttribute("aria-pressed", exact);
    fit();
    redraw();
  }

  // ---- what is told of it -----------------------------------------------------------------------

  function told() {
    const { album } = infgen;
    if (detail.trouble) return [element("p", {}, detail.trouble)];
    const parts = [];
    if (picture.marked) parts.push(section("Marked as bad", element("p", { class: "name" }, picture.marked)));
    parts.push(section(count((detail.things || []).length, "object"), detail.things ? labels() : element("p", { class: "quiet" }, "Nothing is labelled in it.")));
    if (detail.dropped) parts.push(section("Left out", ...detail.dropped.map((one) => leftOut(one, album.wordsFor("class", one.class)))));
    if (detail.droppedDecoys) parts.push(section("Decoys left out", ...detail.droppedDecoys.map((one) => leftOut(one, "decoy"))));
    if (detail.scene?.length) parts.push(section("Background", facts(detail.scene)));
    if (detail.sighted) {
      const rows = detail.sighted.map((one) => element("li", {}, `${album.wordsFor("class", one.class)}, score ${one.score}, at ${place(one.box)}`));
      parts.push(section("Seen in the background, without a label", element("ul", {}, ...rows)));
    }
    if (detail.decoys) parts.push(section("Decoys: repainted with background", ...detail.decoys.map((one) => decoy(one))));
    if (detail.changes) parts.push(section("The whole picture changed", element("ul", {}, ...detail.changes.map((one) => element("li", {}, one)))));
    if (detail.finish) parts.push(section("Finish", facts(detail.finish)));
    parts.push(section("File", element("p", { class: "name" }, detail.href ? element("a", { href: detail.href }, detail.file) : detail.file)));
    return parts;
  }

  const section = (title, ...inside) => element("section", {}, element("h3", {}, title), ...inside);
  const place = (box) => `${box[0]}, ${box[1]} to ${box[2]}, ${box[3]}`;

  function facts(rows) {
    return element("dl", { class: "facts" }, ...rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
  }

  // Columns of the labels' table, those of which nothing is known left out.
  const COLUMNS = {
    "box (x0, y0 to x1, y1)": (thing) => place(thing.box),
    "area, px": (thing) => number(thing.area ?? 0),
    visible: (thing) => (thing.visible === undefined ? "" : `${Math.round(100 * thing.visible)} %`),
    method: (thing) => (thing.method ? infgen.album.wordsFor("method", thing.method) : ""),
    score: (thing) => (thing.score === undefined ? "" : String(thing.score)),
    crowd: (thing) => (thing.crowd ? "yes" : ""),
  };

  function labels() {
    const columns = Object.entries(COLUMNS).filter(([, tell]) => detail.things.some((thing) => tell(thing)));
    const head = element("tr", {}, ...["class", ...columns.map(([name]) => name)].map((name) => element("th", { scope: "col" }, name)));
    const rows = detail.things.flatMap((thing) => labelRows(thing, columns));
    return element("table", { id: "labels" }, element("thead", {}, head), element("tbody", {}, ...rows));
  }

  /** An object's row, and the one below it that tells how it came about. */
  function labelRows(thing, columns) {
    const [, colour] = infgen.album.data.classes[thing.class] || [];
    const known = (thing.facts || []).length || thing.tries;
    const about = [element("span", { class: "swatch", style: { background: colour } }), element("span", { class: "name" }, infgen.album.wordsFor("class", thing.class))];
    const opener = element("button", { type: "button", class: "opener", "aria-expanded": known ? "false" : null, "aria-disabled": known ? null : "true" }, ...about);
    const row = element("tr", { class: "object" }, element("th", { scope: "row" }, opener), ...columns.map(([, tell]) => element("td", {}, tell(thing))));
    pointAt(row, thing);
    if (!known) return [row];
    const more = element("tr", { hidden: true }, element("td", { colspan: String(columns.length + 1) }, facts(thing.facts || []), tries(thing.tries)));
    opener.addEventListener("click", () => {
      more.hidden = !more.hidden;
      opener.setAttribute("aria-expanded", !more.hidden);
    });
    if (detail.things.length === 1) opener.click();
    return [row, more];
  }

  /** Whatever is hovered or focused stands out in the picture. */
  function pointAt(row, thing) {
    row.addEventListener("pointerenter", () => light(thing));
    row.addEventListener("focusin", () => light(thing));
    row.addEventListener("pointerleave", () => light(null));
    row.addEventListener("focusout", () => light(null));
  }

  function leftOut(one, name) {
    const where = one.box ? `, asked for at ${place(one.box)}` : "";
    const made = element("div", { tabindex: one.box ? "0" : null }, element("p", {}, element("span", { class: "name" }, element("b", {}, name)), `: ${one.reason}${where}`), tries(one.tries));
    if (one.box) pointAt(made, one);
    return made;
  }

  function decoy(one) {
    const made = element("div", { tabindex: "0" }, element("p", {}, place(one.box)), tries(one.tries));
    pointAt(made, one);
    return made;
  }

  /** What a model tried, and what was measured of it. What crossed a bar is marked. */
  function tries(list) {
    if (!list) return null;
    const items = list.map(([reason, measures]) =>
      element("li", {}, reason || "used", element("dl", { class: "facts" }, ...Object.entries(measures).flatMap(measure))));
    return element("div", {}, element("p", { class: "quiet" }, count(list.length, "try").replace("trys", "tries")), element("ol", {}, ...items));
  }

  function measure([name, value]) {
    const [words, least, most] = infgen.album.data.measures[name] || [name.replaceAll("_", " "), null, null];
    const low = least !== null && value < least;
    const high = most !== null && value > most;
    const bar = low ? `, ${least} is the least` : high ? `, ${most} is the most` : "";
    return [element("dt", {}, words), element("dd", { class: low || high ? "fails" : null }, `${value}${bar}`)];
  }

  // ---- begin ------------------------------------------------------------------------------------

  async function copyLink() {
    const link = `${location.href.split("#")[0]}#picture=${picture.number}`;
    try {
      await navigator.clipboard.writeText(link);
      byId("said").textContent = "The link is copied.";
      byId("copy").textContent = "Copied";
    } catch {
      prompt("Copy this link", link); // the browser keeps its clipboard from pages on disk
    }
    setTimeout(() => (byId("copy").textContent = "Copy link"), 1500);
  }

  function pressed(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const scrolls = exact && event.target === byId("stage");
    if (event.key === "ArrowLeft" && !scrolls) move(-1);
    else if (event.key === "ArrowRight" && !scrolls) move(1);
    else if (event.key === "z") zoom();
    else return;
    event.preventDefault();
  }

  addEventListener("DOMContentLoaded", () => {
    const dialog = byId("viewer");
    if (!dialog) return;
    dialog.addEventListener("close", () => infgen.album.closed(rank));
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
