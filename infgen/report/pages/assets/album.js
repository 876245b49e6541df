// A grid of pictures. The page says by data-album which album is shown; "strip" is a row of links
// without filters. Only cards in view, or near it, have a canvas.

"use strict";

infgen.album = (() => {
  const { element, number, count, filters } = infgen;
  const byId = (id) => document.getElementById(id);
  const album = document.body.dataset.album;
  const rejects = album === "rejects";
  const WIDE = "(min-width: 60rem)"; // as in pages.css
  const PER_PAGE = 120; // cards that are added at a time
  const MOST_NAMED = 6; // classes in a picture's few words
  const MOST_LETTERS = 60;
  const ASPECTS = [0.66, 1.9]; // of cards

  // What can be drawn over pictures: its key on the keyboard, its word, whether it is at first.
  const LAYERS = {
    masks: ["m", "Masks", !rejects],
    boxes: ["b", "Boxes", !rejects],
    decoys: ["d", "Decoys", false],
    out: ["x", "Left out", rejects],
  };

  let data; // the album's index
  let aspect = 1; // of all cards: the pictures' median
  let matches = []; // the pictures that pass the filters, sorted
  let cards = []; // elements of the first of them
  let wanted = null; // the number of the picture that the address asks for
  let leaving = false; // whether the browser is on its way back from a picture that was closed
  let typed = null; // the field that was typed in last
  const layers = {};
  const seen = new Set(); // the cards in view
  const pressed = []; // what shows in each toggle whether it is on

  // ---- cards --------------------------------------------------------------------------------

  const shortened = (text) => (text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS - 1)}…` : text);
  const nameOf = (id) => data.classes[id][0] || `class ${id}`;

  /** A picture in a few words. */
  function summary(picture) {
    const times = new Map();
    picture.objects.forEach(([id]) => times.set(id, (times.get(id) || 0) + 1));
    const told = [...times]
      .slice(0, MOST_NAMED)
      .map(([id, many]) => (many > 1 ? `${many} × ` : "") + shortened(nameOf(id)));
    if (times.size > MOST_NAMED) told.push(`and ${number(times.size - MOST_NAMED)} more`);
    const marked = picture.marked ? `; marked: ${picture.marked}` : "";
    return `Picture ${picture.number}, ${picture.split}: ${told.join(", ") || "no objects"}${marked}`;
  }

  function card(picture, rank) {
    const inside = [
      element("span", { class: "frame" }, thumbnail(picture)),
      element(
        "span",
        { class: "caption" },
        element("span", {}, `${picture.number} · ${picture.split}`),
        element("span", {}, count(picture.objects.length, rejects && !picture.marked ? "reject" : "object")),
        picture.marked ? element("span", { class: "flag", title: picture.marked }, "marked") : null,
      ),
      rejects ? element("span", { class: "why" }, picture.reasons.join("; ")) : null,
    ];
    const about = { class: "card", "aria-label": summary(picture) };
    const made =
      album === "strip"
        ? element("a", { ...about, href: `gallery.html#picture=${picture.number}` }, ...inside)
        : element("button", { ...about, type: "button", "aria-haspopup": "dialog" }, ...inside);
    if (album !== "strip") made.tabIndex = rank ? -1 : 0; // one stop for the tab key, arrows go on
    return Object.assign(made, { rank, picture });
  }

  function thumbnail(picture) {
    const [, , width, height] = picture.place;
    const side = picture.size[0] / picture.size[1] > aspect ? "width" : "height";
    const style = { aspectRatio: `${width} / ${height}`, [side]: "100%" };
    const trouble = picture.trouble && element("span", { class: "trouble" }, picture.trouble);
    return element("span", { class: "thumb", style }, trouble);
  }

  function setAspect() {
    const all = data.pictures.map(({ size }) => size[0] / size[1]).sort((a, b) => a - b);
    const median = all[all.length >> 1] || 1;
    aspect = Math.min(Math.max(median, ASPECTS[0]), ASPECTS[1]);
    byId("grid").style.setProperty("--aspect", aspect);
  }

  /** Have cards for the first `many` matches. */
  function addCards(many = cards.length + PER_PAGE) {
    const fresh = matches.slice(cards.length, many).map((one, at) => card(one, cards.length + at));
    cards.push(...fresh);
    byId("grid").append(...fresh.map((one) => element("li", {}, one)));
    fresh.forEach((one) => sight.observe(one));
    const more = byId("more");
    if (!more) return;
    const left = matches.length - cards.length;
    more.hidden = left <= 0;
    more.textContent = `Show more (${number(left)} left)`;
  }

  function showMatches() {
    byId("grid").replaceChildren();
    sight.disconnect();
    seen.clear();
    cards = [];
    addCards();
  }

  // ---- what is in view ----------------------------------------------------------------------

  const sight = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) {
          seen.add(target);
          draw(target);
        } else {
          seen.delete(target);
          target.querySelector("canvas")?.remove();
        }
      }
    },
    { rootMargin: "300px" },
  );

  async function draw(target) {
    const { picture } = target;
    const thumb = target.querySelector(".thumb");
    setSprite(thumb, picture);
    if (picture.trouble) return;
    try {
      const detail = await load(picture);
      if (!seen.has(target)) return; // it has gone by
      const canvas = thumb.querySelector("canvas") || element("canvas", { "aria-hidden": "true" });
      thumb.append(canvas);
      infgen.drawing.draw(canvas, picture.size, marks(detail));
    } catch (error) {
      tell(error);
    }
  }

  const partOf = (picture) => `${album}-${String(picture.part).padStart(3, "0")}`;

  /** All that is known of a picture. */
  async function load(picture) {
    return (await infgen.load(partOf(picture)))[picture.row];
  }

  /** Show a picture's place of its sheet, filling the element. */
  function setSprite(thumb, picture) {
    const [x, y, width, height] = picture.place;
    const [across, down] = data.sheets[picture.part];
    const share = (at, all, own) => (all === own ? 0 : (100 * at) / (all - own));
    Object.assign(thumb.style, {
      backgroundImage: `url("data/${partOf(picture)}.jpg")`,
      backgroundSize: `${(100 * across) / width}% ${(100 * down) / height}%`,
      backgroundPosition: `${share(x, across, width)}% ${share(y, down, height)}%`,
    });
  }

  function tell(error) {
    (byId("status") || byId("grid")).textContent = error.message;
  }

  function redraw() {
    seen.forEach(draw);
    infgen.viewer?.redraw();
  }

  // ---- what is drawn over a picture ---------------------------------------------------------

  /** The marks for infgen.drawing. `lit` is the one thing that stands out, if there is one; with
   * `names` each box has its class written to it. */
  function marks(detail, { lit = null, names = false } = {}) {
    const list = [];
    const add = (thing, { plain, mask = false, box, dashed = false }) => {
      const hot = lit === thing;
      const faint = lit !== null && !hot;
      const shown = { mask: mask || (hot && Boolean(thing.rle)), box: box || hot };
      if (!thing.box || (!shown.mask && !shown.box)) return;
      const [name, colour, contrast] = plain ? ["decoy", "#ffffff", "#000000"] : data.classes[thing.class];
      list.push({ thing, colour, contrast, dashed, faint, ...shown, name: hot || (names && !faint) ? name : "" });
    };
    const { masks, boxes, decoys, out } = layers;
    for (const thing of detail.things || []) {
      add(thing, { mask: masks, box: boxes, dashed: thing.crowd });
      const asked = { class: thing.class, box: thing.requested };
      if (out && thing.tries?.length > 1) add(asked, { box: true, dashed: true });
    }
    for (const thing of detail.decoys || []) {
      add(thing, { plain: true, mask: decoys && masks, box: decoys, dashed: true });
    }
    for (const thing of detail.dropped || []) add(thing, { box: out, dashed: true });
    for (const thing of detail.droppedDecoys || []) add(thing, { plain: true, box: out, dashed: true });
    return list;
  }

  /** Buttons for the layers that there is anything of. */
  function toggles(place) {
    for (const [name, [key, word]] of Object.entries(LAYERS)) {
      if (name !== "boxes" && !data.pictures.some((picture) => picture[name])) continue;
      const about = { type: "button", "data-layer": name, "aria-keyshortcuts": key };
      const button = element("button", about, word, element("kbd", { "aria-hidden": "true" }, key));
      button.addEventListener("click", () => toggle(name));
      pressed.push(() => button.setAttribute("aria-pressed", layers[name]));
      place.append(button);
    }
  }

  function toggle(name) {
    layers[name] = !layers[name];
    pressed.forEach((show) => show());
    writeAddress();
    redraw();
  }

  // ---- the address: all that is chosen ------------------------------------------------------

  /** Have the address say what is chosen, for going back to if it is a further `step`. One with
   * `state` opened a picture: to close it is to go back. */
  function writeAddress(step = false, state = null) {
    const said = filters.write();
    const on = Object.keys(LAYERS).filter((name) => layers[name]);
    if (Object.keys(LAYERS).some((name) => layers[name] !== LAYERS[name][2])) said.push(`layers=${on}`);
    if (wanted !== null) said.push(`picture=${wanted}`);
    const address = `#${said.join("&")}`;
    if (address === (location.hash || "#")) return;
    if (step) history.pushState(state, "", address);
    else history.replaceState(history.state, "", address);
  }

  function readAddress() {
    const said = new Map(location.hash.slice(1).split("&").map((part) => part.split("=")));
    const on = said.get("layers")?.split(",");
    for (const name of Object.keys(LAYERS)) layers[name] = on ? on.includes(name) : LAYERS[name][2];
    const asked = said.get("picture") || "";
    wanted = /^\d+$/.test(asked) ? Number(asked) : null;
    filters.read(said);
    pressed.forEach((show) => show());
  }

  /** Do as the address says: it is new, or somebody went back or forth. */
  function follow() {
    if (leaving) {
      leaving = false;
      writeAddress(); // with what was chosen while the picture was open
      return;
    }
    const before = filters.write().join("&");
    readAddress();
    typed = null;
    if (!cards.length || filters.write().join("&") !== before) refresh();
    else tellMatches();
    redraw();
    if (wanted !== null) openNumber(wanted);
    else infgen.viewer.close();
  }

  // ---- what people do -----------------------------------------------------------------------

  function refresh() {
    matches = filters.matches();
    byId("reset").hidden = !filters.active();
    byId("nothing").hidden = matches.length > 0;
    tellMatches();
    showMatches();
  }

  function tellMatches() {
    const all = count(data.pictures.length, "picture");
    byId("status").textContent = filters.active() ? `${number(matches.length)} of ${all} match` : all;
  }

  /** Something else was chosen; a `field` is one that people type in, all of which is one step. */
  function changed(field = null) {
    refresh();
    writeAddress(field === null || field !== typed);
    typed = field;
  }

  function reset() {
    filters.reset();
    changed();
    byId("status").focus(); // the button that had it is gone
  }

  /** Open the match of this rank: a step from the gallery, but not from one picture to the next. */
  function openAt(rank) {
    const step = wanted === null;
    wanted = matches[rank].number;
    writeAddress(step, { opened: true });
    infgen.viewer.open(rank);
  }

  /** Open a picture that needn't be among those that match. */
  function openNumber(asked) {
    const picture = data.pictures.find((one) => one.number === asked);
    if (picture) {
      if (!matches.includes(picture)) matches.push(picture);
      openAt(matches.indexOf(picture));
    } else {
      wanted = null;
      infgen.viewer.close(); // it shows another one
      byId("status").textContent += `. Picture ${asked} isn't among them.`;
    }
  }

  /** The dialog was closed at the picture of this rank: by somebody, or as the address says so. */
  function closed(rank) {
    leaving = wanted !== null && Boolean(history.state?.opened);
    wanted = null;
    if (leaving) history.back();
    else writeAddress();
    if (rank < matches.length) focusOn(rank);
    else byId("status").focus(); // the address has other filters now
  }

  /** Focus a card, which is the one that the tab key comes to from now on. */
  function focusOn(rank) {
    if (rank >= cards.length) addCards(rank + PER_PAGE);
    for (const one of cards) one.tabIndex = one.rank === rank ? 0 : -1;
    cards[rank].focus();
    cards[rank].scrollIntoView({ block: "nearest" });
  }

  const held = (event) => event.altKey || event.ctrlKey || event.metaKey;

  function moveFocus(event) {
    const here = event.target.closest(".card")?.rank;
    if (here === undefined || held(event)) return;
    const columns = getComputedStyle(byId("grid")).gridTemplateColumns.split(" ").length;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
    const ends = { Home: 0, End: cards.length - 1 };
    const there = ends[event.key] ?? here + steps[event.key];
    if (Number.isNaN(there)) return;
    event.preventDefault();
    if (there >= 0 && there < matches.length) focusOn(there);
  }

  function keyPressed(event) {
    if (held(event) || event.target.closest("input:not([type=checkbox]), select")) return;
    const layer = Object.keys(LAYERS).find((name) => LAYERS[name][0] === event.key.toLowerCase());
    if (layer && document.querySelector(`[data-layer="${layer}"]`)) toggle(layer);
  }

  // ---- begin --------------------------------------------------------------------------------

  function begin(index) {
    data = index;
    data.pictures.forEach((picture, at) => {
      const before = data.pictures[at - 1];
      picture.row = before?.part === picture.part ? before.row + 1 : 0;
    });
    setAspect();
    new ResizeObserver(() => requestAnimationFrame(() => seen.forEach(draw))).observe(byId("grid"));
    if (album === "strip") {
      for (const name of Object.keys(LAYERS)) layers[name] = LAYERS[name][2];
      matches = data.pictures;
      showMatches();
    } else {
      listen();
      follow();
    }
  }

  function listen() {
    filters.begin(data, byId("filters"), byId("sort"), changed);
    toggles(byId("toggles"));
    toggles(byId("viewer-toggles"));
    byId("reset").addEventListener("click", reset);
    byId("reset-too").addEventListener("click", reset);
    byId("more").addEventListener("click", () => focusOn(cards.length));
    const atEnd = ([entry]) => entry.isIntersecting && addCards();
    new IntersectionObserver(atEnd, { rootMargin: "900px" }).observe(byId("more"));
    byId("grid").addEventListener("click", (event) => {
      const target = event.target.closest(".card");
      if (target) openAt(target.rank);
    });
    byId("grid").addEventListener("keydown", moveFocus);
    document.addEventListener("keydown", keyPressed);
    addEventListener("hashchange", follow);
    const wide = matchMedia(WIDE);
    byId("panel").open = wide.matches; // there is room for it at the side
    wide.addEventListener("change", () => (byId("panel").open = wide.matches));
  }

  addEventListener("DOMContentLoaded", () => {
    if (byId("grid")) infgen.load(album).then(begin).catch(tell);
  });

  return {
    get data() {
      return data;
    },
    get matches() {
      return matches;
    },
    get layers() {
      return layers;
    },
    load,
    marks,
    setSprite,
    summary,
    openAt,
    closed,
  };
})();
