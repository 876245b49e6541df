// What every page of a report does: its colour scheme, its data, its tables' filters.
//
// Pages from disk may neither fetch nor import: data are scripts that call infgen.receive().

"use strict";

const infgen = (() => {
  // ---- data ---------------------------------------------------------------------------------

  const MOST_HELD = 24; // parts of an album in memory, whatever the dataset's size
  const waiting = new Map(); // name -> what to do once the script has run
  const held = new Map(); // name -> promise of its data, the oldest first

  function load(name) {
    const known = held.get(name);
    if (known) {
      held.delete(name); // and to the end: it is the youngest now
      held.set(name, known);
      return known;
    }
    const promise = new Promise((resolve, reject) => {
      waiting.set(name, resolve);
      const script = document.createElement("script");
      script.src = `data/${name}.js`;
      script.onload = () => script.remove();
      script.onerror = () => {
        script.remove();
        held.delete(name);
        reject(new Error(`data/${name}.js isn't there: keep the report's folder together`));
      };
      document.head.append(script);
    });
    held.set(name, promise);
    if (held.size > MOST_HELD) held.delete(held.keys().next().value);
    return promise;
  }

  function receive(name, data) {
    const resolve = waiting.get(name);
    waiting.delete(name);
    if (resolve) resolve(data);
  }

  // ---- words and elements -------------------------------------------------------------------

  /** An element with attributes and children. Texts become text, never markup. */
  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === false || value == null) continue;
      if (name === "style") Object.assign(made.style, value);
      else made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.filter((child) => child != null));
    return made;
  }

  const swatch = (colour) => element("span", { class: "swatch", style: { background: colour } });

  const format = new Intl.NumberFormat("en");
  const number = (value) => format.format(value);
  const count = (value, thing) => `${number(value)} ${thing}${value === 1 ? "" : "s"}`;

  // ---- light and dark -----------------------------------------------------------------------

  const THEMES = ["auto", "light", "dark"];
  const KEY = "infgen-theme";

  function storedTheme() {
    try {
      const theme = localStorage.getItem(KEY);
      return THEMES.includes(theme) ? theme : "auto";
    } catch {
      return "auto"; // some browsers keep nothing for pages from disk
    }
  }

  function setTheme(theme) {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // it holds for this page, then
    }
  }

  setTheme(storedTheme()); // before anything is painted

  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const tell = (theme) => {
      button.textContent = `Colours: ${theme}`;
    };
    let theme = storedTheme();
    tell(theme);
    button.hidden = false;
    button.addEventListener("click", () => {
      theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
      setTheme(theme);
      tell(theme);
    });
    document.querySelectorAll("input[data-filters]").forEach(filterTable);
  });

  // ---- tables -------------------------------------------------------------------------------

  function filterTable(input) {
    const table = document.getElementById(input.dataset.filters);
    const said = document.getElementById(`${input.dataset.filters}-count`);
    const rows = [...table.tBodies[0].rows];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const look = () => {
      const words = input.value.toLowerCase().split(/\s+/);
      rows.forEach((row, at) => (row.hidden = !words.every((word) => texts[at].includes(word))));
      const left = rows.filter((row) => !row.hidden).length;
      const all = count(rows.length, "row");
      said.textContent = left === rows.length ? all : `${number(left)} of ${all}`;
    };
    input.addEventListener("input", look);
    look();
  }

  return { load, receive, element, swatch, number, count };
})();
