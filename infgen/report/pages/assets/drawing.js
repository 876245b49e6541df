// Masks and boxes over pictures. Masks are COCO's compressed run lengths, decoded exactly, and drawn
// along the edges of their pixels at whatever scale.

"use strict";

infgen.drawing = (() => {
  const MOST_PIXELS = 2 ** 24; // of a canvas: 64 MB
  const INSIDE = 0.24; // how much of a picture a mask hides

  /** The runs of object pixels in `rle`, [start, stop, start, stop, ...], counted down the columns.
   * A character holds five bits, lowest first, and a sixth for "more follow"; from the third number
   * on they are differences to the one before the last (cocoapi, maskApi.c). */
  function runsOf(rle) {
    const counts = [];
    for (let at = 0; at < rle.length; ) {
      let value = 0;
      let digits = 0;
      let more = true;
      while (more) {
        const code = rle.charCodeAt(at++) - 48;
        value += (code & 31) * 32 ** digits++;
        more = (code & 32) !== 0;
        if (!more && code & 16) value -= 32 ** digits;
      }
      if (counts.length > 2) value += counts[counts.length - 2];
      counts.push(value);
    }
    const edges = [];
    let edge = 0;
    counts.forEach((length) => edges.push((edge += length)));
    if (edges.length % 2) edges.pop(); // background at the end
    return edges;
  }

  /** The part of a mask that isn't empty: its place, its size, and a byte for each pixel, row by
   * row; null for an empty mask. */
  function decode(rle, height) {
    const runs = runsOf(rle);
    let [left, right, top, bottom] = [Infinity, -1, Infinity, -1];
    for (let at = 0; at < runs.length; at += 2) {
      const [start, stop] = [runs[at], runs[at + 1]];
      if (start === stop) continue;
      const [first, last] = [Math.floor(start / height), Math.floor((stop - 1) / height)];
      left = Math.min(left, first);
      right = Math.max(right, last);
      top = Math.min(top, last > first ? 0 : start % height);
      bottom = Math.max(bottom, last > first ? height - 1 : (stop - 1) % height);
    }
    if (right < 0) return null;
    const mask = { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
    mask.bits = new Uint8Array(mask.width * mask.height);
    for (let at = 0; at < runs.length; at += 2) {
      let x = Math.floor(runs[at] / height);
      let y = runs[at] % height;
      for (let pixel = runs[at]; pixel < runs[at + 1]; pixel++) {
        mask.bits[(y - top) * mask.width + (x - left)] = 1;
        if (++y === height) [x, y] = [x + 1, 0];
      }
    }
    return mask;
  }

  /** The outlines of a mask along its pixels' edges, in the picture's coordinates. The object is on
   * the right hand of the way; pixels that touch at a corner only are apart. */
  function outline({ x: left, y: top, width, height, bits }) {
    const path = new Path2D();
    const walked = new Uint8Array(bits.length); // upper edges
    const at = (x, y) => x >= 0 && y >= 0 && x < width && y < height && bits[y * width + x] === 1;
    const walk = (x0, y0) => {
      let [x, y, way] = [x0, y0, 0]; // 0 right, 1 down, 2 left, 3 up
      path.moveTo(left + x, top + y);
      do {
        if (way === 0) walked[y * width + x] = 1;
        x += [1, 0, -1, 0][way];
        y += [0, 1, 0, -1][way];
        // the pixels ahead, on the right hand and on the left
        const right = at(x - (way === 1 || way === 2), y - (way === 2 || way === 3));
        const leftHand = at(x - (way === 2 || way === 3), y - (way === 0 || way === 3));
        const turn = !right ? 1 : leftHand ? 3 : 0;
        if (turn) path.lineTo(left + x, top + y);
        way = (way + turn) % 4;
      } while (x !== x0 || y !== y0 || way !== 0);
      path.closePath();
    };
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (at(x, y) && !at(x, y - 1) && !walked[y * width + x]) walk(x, y);
      }
    }
    return path;
  }

  /** The outline of a thing's mask, kept with the thing; null where there is none. */
  function pathOf(thing, height) {
    if (thing.path === undefined) {
      const mask = thing.rle ? decode(thing.rle, height) : null;
      thing.path = mask && outline(mask);
    }
    return thing.path;
  }

  /** Draw over a picture of size [width, height] what `marks` say, on a canvas of its own. Each is
   * {thing, colour, contrast, box, mask, dashed, faint, name}: what of it is wanted. */
  function draw(canvas, [width, height], marks) {
    const ratio = window.devicePixelRatio || 1;
    const place = canvas.getBoundingClientRect();
    const share = Math.min(Math.sqrt(MOST_PIXELS / (place.width * place.height * ratio ** 2 || 1)), 1);
    canvas.width = Math.max(Math.round(place.width * ratio * share), 1);
    canvas.height = Math.max(Math.round(place.height * ratio * share), 1);
    const pen = canvas.getContext("2d");
    const [across, down] = [canvas.width / width, canvas.height / height];
    marks.filter((mark) => mark.mask).forEach((mark) => tint(pen, mark, height, across, down, ratio));
    marks.filter((mark) => mark.box).forEach((mark) => frame(pen, mark, across, down, ratio));
    pen.globalAlpha = 1;
    marks.filter((mark) => mark.name).forEach((mark) => tag(pen, mark, across, down, ratio));
  }

  function tint(pen, { thing, colour, faint }, height, across, down, ratio) {
    const path = pathOf(thing, height);
    if (!path) return;
    pen.save();
    pen.setTransform(across, 0, 0, down, 0, 0);
    pen.globalAlpha = faint ? INSIDE / 4 : INSIDE;
    pen.fillStyle = colour;
    pen.fill(path, "evenodd");
    pen.clip(path, "evenodd"); // what is drawn lies on pixels of the mask and on no others
    pen.globalAlpha = faint ? 0.25 : 0.95;
    const thick = pen.canvas.width < 500 * ratio ? 2 : 3; // half of it is clipped away
    pen.lineWidth = (thick * ratio) / Math.min(across, down);
    pen.strokeStyle = colour;
    pen.stroke(path);
    pen.restore();
  }

  function frame(pen, { thing, colour, contrast, dashed, faint }, across, down, ratio) {
    const [x0, y0, x1, y1] = placed(thing.box, across, down);
    pen.save();
    pen.globalAlpha = faint ? 0.25 : 1;
    pen.setLineDash(dashed ? [5 * ratio, 4 * ratio] : []);
    for (const [width, style] of [[3.25, contrast], [1.75, colour]]) {
      pen.lineWidth = width * ratio;
      pen.strokeStyle = style;
      if (style === contrast) pen.globalAlpha *= 0.4;
      else pen.globalAlpha = faint ? 0.25 : 1;
      pen.strokeRect(x0, y0, Math.max(x1 - x0, 2 * ratio), Math.max(y1 - y0, 2 * ratio));
    }
    pen.restore();
  }

  function tag(pen, { thing, colour, contrast, name }, across, down, ratio) {
    const [x0, y0] = placed(thing.box, across, down);
    const size = 12 * ratio;
    pen.font = `600 ${size}px system-ui, sans-serif`;
    pen.textBaseline = "middle";
    const text = name.length > 40 ? `${name.slice(0, 39)}…` : name;
    const width = Math.min(pen.measureText(text).width + size * 0.8, pen.canvas.width);
    const x = Math.min(Math.max(x0 - ratio, 0), pen.canvas.width - width);
    const y = y0 >= size * 1.5 ? y0 - size * 1.5 : Math.max(y0, 0);
    pen.fillStyle = colour;
    pen.fillRect(x, y, width, size * 1.5);
    pen.fillStyle = contrast;
    pen.fillText(text, x + size * 0.4, y + size * 0.8, width - size * 0.8);
  }

  function placed([x0, y0, x1, y1], across, down) {
    return [x0 * across, y0 * down, x1 * across, y1 * down];
  }

  return { runsOf, decode, draw };
})();
