// Plots as SVG, light on both backgrounds: no library draws two of them in less than this.
const INK = '#768390';
const PALETTE = ['#1f6feb', '#8b949e', '#2da44e', '#bf3989', '#d4a72c'];
const FONT = 'font-family="system-ui, sans-serif" font-size="12"';

/** Ratio of devs to each peer, with the line that must not be crossed. */
export function barChart(results) {
  const [left, width, row] = [430, 420, 30];
  const most = Math.max(1.5, ...results.map(({ ratio, limit }) => Math.max(ratio, limit ?? 0))) * 1.05;
  const x = (ratio) => left + (ratio / most) * width;
  const bars = results.map(({ name, ratio, limit }, i) => {
    const y = 30 + i * row;
    const shade = limit !== null && ratio > limit ? '#cf222e' : PALETTE[0];
    const mark =
      limit === null
        ? ''
        : `<line x1="${x(limit)}" x2="${x(limit)}" y1="${y - 3}" y2="${y + 19}" stroke="${INK}" stroke-dasharray="3 2"/>`;
    return `${text(left - 8, y + 12, escapeXml(shorten(name)), 'end')}
<rect x="${left}" y="${y}" width="${Math.max(1, x(ratio) - left).toFixed(1)}" height="16" fill="${shade}"/>
${text(x(ratio) + 6, y + 12, ratio.toFixed(2))}${mark}`;
  });
  const height = 40 + results.length * row;
  return svg(left + width + 60, height, 'Time of devs as a part of its peer’s', [
    text(left, 18, 'time of devs / time of the peer; dashed: must be below'),
    ...bars,
  ]);
}

/** Milliseconds over a count, both logarithmic. */
export function lineChart(title, values, columns) {
  const [left, top, width, height] = [60, 40, 560, 320];
  const all = Object.values(columns).flat();
  const [low, high] = [10 ** Math.floor(Math.log10(Math.min(...all))), 10 ** Math.ceil(Math.log10(Math.max(...all)))];
  const scale = (value, from, to) => Math.log(value / from) / Math.log(to / from);
  const x = (value) => left + scale(value, values[0], values.at(-1)) * width;
  const y = (value) => top + height - scale(value, low, high) * height;
  const parts = [text(left, 20, `milliseconds, by ${escapeXml(title)}`)];
  for (const value of values)
    parts.push(text(x(value), top + height + 18, value.toLocaleString('en').replaceAll(',', ' '), 'middle'));
  for (let tick = low; tick <= high; tick *= 10) {
    parts.push(
      `<line x1="${left}" x2="${left + width}" y1="${y(tick)}" y2="${y(tick)}" stroke="${INK}" stroke-opacity="0.3"/>`,
    );
    parts.push(text(left - 8, y(tick) + 4, String(tick), 'end'));
  }
  Object.entries(columns).forEach(([name, times], i) => {
    const points = times.map((time, at) => `${x(values[at]).toFixed(1)},${y(time).toFixed(1)}`);
    parts.push(`<polyline points="${points.join(' ')}" fill="none" stroke="${PALETTE[i]}" stroke-width="2"/>`);
    parts.push(`<rect x="${left + width + 20}" y="${top + i * 22}" width="12" height="12" fill="${PALETTE[i]}"/>`);
    parts.push(text(left + width + 38, top + 11 + i * 22, escapeXml(name)));
  });
  return svg(left + width + 220, top + height + 40, `Milliseconds by ${title}`, parts);
}

function svg(width, height, title, parts) {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<title>${escapeXml(title)}</title>
<g ${FONT} fill="${INK}">
${parts.join('\n')}
</g>
</svg>
`;
}

function text(x, y, content, anchor = 'start') {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${content}</text>`;
}

function escapeXml(content) {
  return content.replace(/[&<>]/g, (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[character]);
}

function shorten(name) {
  return name.length > 68 ? `${name.slice(0, 67)}…` : name;
}
