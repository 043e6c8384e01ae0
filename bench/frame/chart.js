// One chart as SVG: a row for each name, with dots on a common scale. Dots and not bars, because the scale is mostly
// logarithmic, where the length of a bar means nothing.
import { format } from './table.js'

const ROW = 20
const LABEL_WIDTH = 190
const PLOT_WIDTH = 440
const TEXT_WIDTH = 240
const WIDTH = LABEL_WIDTH + PLOT_WIDTH + TEXT_WIDTH
const TOP = 78
const LINE = 14
const RADIUS = 5
const INK = '#171717'
const TEXT = '#404040'
const FAINT = '#737373'
const GRID = '#e5e5e5'
/** From that ratio of the most to the least on, the scale is logarithmic. */
const LOGARITHMIC_FROM = 8

/**
 * @param rows `{ name, text, dots: [{ value, least, most, colour }] }`; `least` to `most` is drawn as a line; `text` may
 * be a list of `{ text, colour }`
 * @param legend `[{ name, colour }]`
 * @param reference a value that is marked by a line
 * @param notes lines below, the last of them says where the figures come from
 */
export function chart({ title, about, rows, legend, reference, notes }) {
  const values = rows.flatMap(({ dots }) => dots.flatMap((dot) => [dot.value, dot.least, dot.most]))
  if (reference !== undefined) values.push(reference)
  const { position, ticks, logarithmic } = scaleOf(values)
  const x = (value) => LABEL_WIDTH + PLOT_WIDTH * position(value)
  const bottom = TOP + rows.length * ROW
  const height = bottom + 30 + notes.length * LINE
  const parts = []
  for (const tick of ticks) {
    parts.push(
      line(x(tick), TOP - 6, x(tick), bottom + 2, GRID),
      text(x(tick), bottom + 16, format(tick), 'middle', 10, FAINT),
    )
  }
  if (reference !== undefined) parts.push(line(x(reference), TOP - 6, x(reference), bottom, INK))
  rows.forEach((row, index) => {
    const middle = TOP + index * ROW + ROW / 2
    parts.push(
      line(LABEL_WIDTH, middle, LABEL_WIDTH + PLOT_WIDTH, middle, '#f5f5f5'),
      text(LABEL_WIDTH - 10, middle + 4, row.name, 'end', 12, INK),
      text(LABEL_WIDTH + PLOT_WIDTH + 12, middle + 4, row.text, 'start', 11, TEXT),
    )
    for (const dot of row.dots) {
      parts.push(
        line(x(dot.least), middle, x(dot.most), middle, dot.colour, 2),
        `<circle cx="${x(dot.value).toFixed(1)}" cy="${middle}" r="${RADIUS}" fill="${dot.colour}"/>`,
      )
    }
  })
  let legendAt = 12
  for (const { name, colour } of legend) {
    parts.push(
      `<circle cx="${legendAt + RADIUS}" cy="55" r="${RADIUS}" fill="${colour}"/>`,
      text(legendAt + 15, 59, name, 'start', 11, TEXT),
    )
    legendAt += 34 + name.length * 6.2
  }
  notes.forEach((note, index) => {
    parts.push(text(12, bottom + 34 + index * LINE, note, 'start', 9, FAINT))
  })
  const scale = logarithmic ? ', logarithmic scale' : ''
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" ` +
      `font-family="system-ui, sans-serif" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(12, 22, title, 'start', 15, INK),
    text(12, 40, `${about}${scale}`, 'start', 11, FAINT),
    ...parts,
    '</svg>',
    '',
  ].join('\n')
}

function scaleOf(values) {
  const least = Math.min(...values)
  const most = Math.max(...values)
  if (least > 0 && most / least >= LOGARITHMIC_FROM) {
    const low = Math.log10(least * 0.85)
    const high = Math.log10(most * 1.15)
    return {
      logarithmic: true,
      position: (value) => (Math.log10(value) - low) / (high - low),
      ticks: logarithmicTicks(low, high),
    }
  }
  const low = Math.min(0, least)
  const high = Math.max(0, most) * 1.05 || 1
  const step = roundStep((high - low) / 5)
  const ticks = []
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) {
    ticks.push(Number(tick.toPrecision(6)))
  }
  return { logarithmic: false, position: (value) => (value - low) / (high - low), ticks }
}

/** The powers of ten, and 2 and 5 times them where these are few. */
function logarithmicTicks(low, high) {
  const ticks = []
  for (let power = Math.floor(low); power <= Math.ceil(high); power++) {
    for (const times of high - low < 2.5 ? [1, 2, 5] : [1]) {
      const tick = Number((times * 10 ** power).toPrecision(1))
      if (Math.log10(tick) >= low && Math.log10(tick) <= high) ticks.push(tick)
    }
  }
  return ticks
}

function roundStep(step) {
  const power = 10 ** Math.floor(Math.log10(step))
  return [1, 2, 5, 10].find((times) => times * power >= step) * power
}

function line(x1, y1, x2, y2, colour, width = 1) {
  const at = [x1, y1, x2, y2].map((value) => value.toFixed(1))
  return (
    `<line x1="${at[0]}" y1="${at[1]}" x2="${at[2]}" y2="${at[3]}" ` +
    `stroke="${colour}" stroke-width="${width}"/>`
  )
}

function text(x, y, content, anchor, size, colour) {
  const inner = Array.isArray(content)
    ? content
        .map((part) => `<tspan fill="${part.colour}">${escaped(part.text)}</tspan>`)
        .join('&#160;&#160; ')
    : escaped(content)
  return (
    `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-size="${size}" ` +
    `fill="${colour}">${inner}</text>`
  )
}

function escaped(content) {
  return content.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
}
