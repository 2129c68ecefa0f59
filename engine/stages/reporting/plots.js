// Draws the plots whose data the page holds, each when it is scrolled to, with Bokeh; and switches models off and on.
"use strict";
(() => {
  const HEIGHT = 380, RATIO_HEIGHT = 150;
  const MARKERS = {
    o: "circle", s: "square", "^": "triangle", v: "inverted_triangle", D: "diamond",
    P: "plus", X: "x", "<": "hex", ">": "star", "*": "asterisk",
  };
  const DASHES = { "-": "solid", "--": "dashed", "-.": "dotdash" };
  const drawn = new Map(); // key of a model: what is drawn of it, in all plots
  const hidden = new Set();

  const numbers = (values) => values.map((value) => (value === null ? NaN : value));
  const range = (ends) => (ends ? new Bokeh.Range1d({ start: ends[0], end: ends[1] }) : undefined);

  function panel(data, height, yRange, yLog) {
    const options = {
      height, sizing_mode: "stretch_width", tools: "pan,box_zoom,wheel_zoom,reset,save,copy",
      x_axis_type: data.x_log ? "log" : "linear", y_axis_type: yLog ? "log" : "linear",
      min_border_left: 70, output_backend: "canvas",
    };
    if (data.x_range) options.x_range = range(data.x_range);
    if (yRange) options.y_range = range(yRange);
    const figure = Bokeh.Plotting.figure(options);
    figure.toolbar.logo = null;
    figure.toolbar.autohide = true;
    for (const grid of figure.center) if (grid instanceof Bokeh.Grid) grid.visible = false;
    for (const axis of [figure.xaxis, figure.yaxis]) axis.axis_label_text_font_style = "normal";
    return figure;
  }

  // The value at a share of an axis that is seen.
  const inside = ([low, high], share, log) => (log ? low * (high / low) ** share : low + share * (high - low));

  // Adds triangles at the edges where points are beyond the range; returns them.
  function beyond(figure, one, ends, log) {
    const [places, y] = [numbers(one.places), numbers(one.y)];
    const sides = [[(value) => value > ends[1], 0.97, "triangle"], [(value) => value < ends[0], 0.03, "inverted_triangle"]];
    return sides.flatMap(([outside, share, marker]) => {
      const at = places.filter((_, i) => outside(y[i]));
      const style = { marker, size: 9, line_color: one.colour, fill_color: null, line_width: 1.3, name: "beyond" };
      return at.length ? [figure.scatter(at, at.map(() => inside(ends, share, log)), style)] : [];
    });
  }

  // Adds the systematic uncertainty as a band, in each bin or along a line; returns it.
  function band(figure, one) {
    if (!one.systematic) return [];
    const [x, y, size] = [one.x, one.y, one.systematic].map(numbers);
    const [low, high] = [-1, 1].map((sign) => y.map((value, i) => value + sign * size[i]));
    const style = { fill_color: one.colour, fill_alpha: 0.22, line_color: null };
    if (one.style === "line") return [figure.varea(x, low, high, { fill_color: one.colour, fill_alpha: 0.22 })];
    return [figure.quad(x.slice(0, -1), x.slice(1), low, high, style)];
  }

  // Adds a curve with its band; returns its parts, which are switched together. ends: range of the vertical axis.
  function curve(figure, one, ends, log) {
    return [...band(figure, one), ...bare(figure, one, ends, log)];
  }

  function bare(figure, one, ends, log) {
    const [x, y] = [numbers(one.x), numbers(one.y)];
    const error = one.error && numbers(one.error);
    const stroke = { line_color: one.colour, line_dash: DASHES[one.line], line_width: 1.8 };
    if (one.filled) {
      const layer = { fill_color: one.colour, fill_alpha: 0.75, line_color: null };
      return [figure.quad(x.slice(0, -1), x.slice(1), y.map(() => (log ? 1e-9 : 0)), y, layer)];
    }
    if (one.style === "steps") return [figure.step(x, [...y, y.at(-1)], "after", stroke)];
    if (one.style === "line") {
      const parts = [figure.line(x, y, stroke)];
      if (error) {
        const [low, high] = [-1, 1].map((sign) => y.map((value, i) => value + sign * error[i]));
        parts.push(figure.varea(x, low, high, { fill_color: one.colour, fill_alpha: 0.2 }));
      }
      return parts;
    }
    const places = numbers(one.places);
    const thin = { line_color: one.colour, line_alpha: 0.35 };
    const parts = [figure.segment(x.slice(0, -1), y, x.slice(1), y, thin)];
    if (error) {
      const [low, high] = [-1, 1].map((sign) => y.map((value, i) => value + sign * error[i]));
      parts.push(figure.segment(places, low, places, high, { line_color: one.colour, line_width: 1.3 }));
    }
    parts.push(figure.scatter(places, y, { marker: MARKERS[one.marker], size: 6, line_color: one.colour, fill_color: one.colour }));
    return ends ? [...parts, ...beyond(figure, one, ends, log)] : parts;
  }

  function curves(figure, all, legend, ends, log) {
    all.forEach((one, index) => {
      const parts = curve(figure, one, ends, log);
      if (!drawn.has(one.key)) drawn.set(one.key, []);
      drawn.get(one.key).push(...parts);
      for (const part of parts) part.visible = !hidden.has(one.key);
      if (legend[index] === undefined) legend[index] = new Bokeh.LegendItem({ label: { value: one.label }, renderers: [] });
      legend[index].renderers = [...legend[index].renderers, ...parts];
    });
  }

  function marks(figure, data) {
    const line = (location) => new Bokeh.Span({ location, dimension: "width", line_color: "black", line_width: 0.8 });
    if (data.reference !== null && data.reference !== undefined) figure.add_layout(line(data.reference));
    for (const band of data.bands || [])
      figure.add_layout(new Bokeh.BoxAnnotation({ bottom: band.low, top: band.high, fill_color: "black", fill_alpha: 0.1 }));
  }

  // The number of columns of a legend that is filled row by row, so that the widest label of each fits.
  function columns(labels, width) {
    for (let count = labels.length; count > 1; count--) {
      let letters = 0;
      for (let column = 0; column < count; column++)
        letters += 6 + Math.max(...labels.filter((_, i) => i % count === column).map((label) => label.length));
      if (letters * 6.2 < width - 70) return count;
    }
    return 1;
  }

  function axis(data, below) {
    below.axis_label = data.x_label;
    if (!data.names.length) return;
    below.ticker = new Bokeh.FixedTicker({ ticks: data.names.map((_, number) => number) });
    below.major_label_overrides = new Map(data.names.map((name, number) => [number, name]));
    if (data.names.join("").length > 60) below.major_label_orientation = 0.6;
  }

  function plane(data) {
    const map = data.plane;
    const figure = panel({ x_log: false }, HEIGHT + RATIO_HEIGHT, null, false);
    const cells = { left: [], right: [], bottom: [], top: [], value: [], error: [] };
    map.values.forEach((line, i) => line.forEach((value, j) => {
      if (value === null) return;
      cells.left.push(map.x[i]), cells.right.push(map.x[i + 1]), cells.bottom.push(map.y[j]), cells.top.push(map.y[j + 1]);
      cells.value.push(value), cells.error.push(map.errors[i][j]);
    }));
    const colours = new Bokeh.LinearColorMapper({ palette: Bokeh.Palettes.Viridis256, low: map.colours[0], high: map.colours[1] });
    const source = new Bokeh.ColumnDataSource({ data: cells });
    figure.quad({ field: "left" }, { field: "right" }, { field: "bottom" }, { field: "top" },
      { source, fill_color: { field: "value", transform: colours }, line_color: null });
    figure.add_tools(new Bokeh.HoverTool({ tooltips: [[map.label, "@value{0.000} ± @error{0.000}"]] }));
    figure.add_layout(new Bokeh.ColorBar({ color_mapper: colours, title: map.label }), "right");
    axis(data, figure.xaxis);
    figure.yaxis.axis_label = data.y_label;
    return figure;
  }

  function layout(data, width) {
    if (data.plane) return plane(data);
    const main = panel(data, HEIGHT, data.y_range, data.y_log);
    const items = [];
    curves(main, data.curves, items, data.y_range, data.y_log);
    marks(main, data);
    main.yaxis.axis_label = data.y_label;
    const panels = [main];
    if (data.ratio) {
      const below = panel(data, RATIO_HEIGHT, data.ratio.y_range, false);
      below.x_range = main.x_range;
      curves(below, data.ratio.curves, items, data.ratio.y_range, false);
      marks(below, { reference: 1 });
      below.yaxis.axis_label = data.ratio.y_label;
      main.xaxis.visible = false;
      panels.push(below);
    }
    axis(data, panels.at(-1).xaxis);
    // Of several trainings of a model, the first has a label.
    const named = data.curves.map((one) => one.label).filter((label) => label);
    const legend = new Bokeh.Legend({
      items: items.filter((item) => item.label.value), ncols: columns(named, width), click_policy: "hide",
      border_line_color: null, label_text_font_size: "9pt", padding: 2, spacing: 10, margin: 8, orientation: "horizontal",
    });
    main.add_layout(legend, "above");
    return panels.length === 1 ? main : new Bokeh.Column({ children: panels, sizing_mode: "stretch_width", spacing: 0 });
  }

  function draw(place) {
    const data = JSON.parse(document.getElementById(`data-${place.dataset.plot}`).textContent);
    Bokeh.Plotting.show(layout(data, place.clientWidth), place);
    place.dataset.drawn = "yes";
  }

  function start() {
    const watch = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        watch.unobserve(entry.target);
        draw(entry.target);
      }
    }, { rootMargin: "400px" });
    for (const place of document.querySelectorAll("[data-plot]")) watch.observe(place);
    for (const box of document.querySelectorAll("input[data-model]"))
      box.addEventListener("change", () => {
        if (box.checked) hidden.delete(box.dataset.model);
        else hidden.add(box.dataset.model);
        for (const part of drawn.get(box.dataset.model) || []) part.visible = box.checked;
      });
    // What is folded is opened where a link leads to it, and before the page is printed.
    const open = () => { const there = document.getElementById(location.hash.slice(1)); if (there instanceof HTMLDetailsElement) there.open = true; };
    addEventListener("hashchange", open);
    addEventListener("beforeprint", () => { for (const each of document.querySelectorAll("details.section")) each.open = true; });
    open();
  }
  document.addEventListener("DOMContentLoaded", start);
})();
