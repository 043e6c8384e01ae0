// Request latency over time as an SVG, one panel a way, both on the same axes.

import { milliseconds } from './table.js'

const WIDTH = 960
const PANEL = { left: 84, right: 816, height: 230 }
const TOPS = [104, 396]
const HEIGHT = 692

/**
 * @typedef {object} Panel
 * @property {string} title
 * @property {string} color
 * @property {number[]} sentAtMs since the work began
 * @property {number[]} latencyMs
 * @property {import('./measure.js').Distribution} latency
 * @property {number} wallMs
 */

/**
 * @param {object} options
 * @param {string} options.title
 * @param {string} options.subtitle
 * @param {Panel[]} options.panels two, from top to bottom
 * @param {number} options.idleP50Ms what the server needs with nothing else to do
 */
export function latencyPlot({ title, subtitle, panels, idleP50Ms }) {
  const all = panels.flatMap((panel) => panel.latencyMs.concat(panel.latency.max, idleP50Ms))
  const measured = all.filter((value) => value > 0)
  const low = Math.floor(Math.log10(measured.reduce((a, b) => Math.min(a, b), 1)))
  const high = Math.ceil(Math.log10(measured.reduce((a, b) => Math.max(a, b), 10)))
  const seconds = Math.max(0.1, ...panels.map((panel) => panel.wallMs / 1000))

  /** @param {number} s */
  const x = (s) => PANEL.left + (s / seconds) * (PANEL.right - PANEL.left)
  /** @param {number} ms @param {number} top */
  const y = (ms, top) => {
    const share = (Math.log10(Math.max(ms, 10 ** low)) - low) / (high - low)
    return top + PANEL.height * (1 - share)
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}"`,
    ` viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, 'Helvetica Neue', Arial, sans-serif"`,
    ` font-size="13" fill="#334155">\n<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>\n`,
    text(PANEL.left, 32, title, 'font-size="19" font-weight="600" fill="#0f172a"'),
    text(PANEL.left, 54, subtitle),
    ...panels.map((panel, index) => drawPanel(panel, TOPS[index] ?? 0)),
    text(
      (PANEL.left + PANEL.right) / 2,
      HEIGHT - 22,
      'time of sending, in seconds since the work began',
      'text-anchor="middle"',
    ),
    '</svg>\n',
  ].join('')

  /** @param {Panel} panel @param {number} top */
  function drawPanel(panel, top) {
    const bottom = top + PANEL.height
    const middle = top + PANEL.height / 2
    const parts = [
      text(
        PANEL.left,
        top - 12,
        panel.title,
        `font-size="15" font-weight="600" fill="${panel.color}"`,
      ),
      // The time in which the work went on.
      `<rect x="${x(0)}" y="${top}" width="${round(x(panel.wallMs / 1000) - x(0))}"`,
      ` height="${PANEL.height}" fill="${panel.color}" fill-opacity="0.06"/>\n`,
      `<text transform="translate(22 ${middle}) rotate(-90)" text-anchor="middle">`,
      'latency (log scale)</text>\n',
    ]
    for (let power = low; power <= high; power += 1) {
      const ms = 10 ** power
      parts.push(
        line(PANEL.left, y(ms, top), PANEL.right, y(ms, top), '#e2e8f0'),
        text(PANEL.left - 8, y(ms, top) + 4.5, tick(ms), 'text-anchor="end"'),
      )
    }
    for (const s of timeTicks(seconds)) {
      parts.push(
        line(x(s), bottom, x(s), bottom + 5, '#64748b'),
        text(x(s), bottom + 20, String(s), 'text-anchor="middle"'),
      )
    }
    parts.push(
      line(PANEL.left, bottom, PANEL.right, bottom, '#64748b'),
      line(PANEL.left, top, PANEL.left, bottom, '#64748b'),
      dots(panel, top),
    )
    if (panel.wallMs / 1000 < seconds * 0.8) {
      const end = x(panel.wallMs / 1000)
      parts.push(
        line(end, top, end, bottom, panel.color, 'stroke-dasharray="2 3"'),
        text(end + 8, top + 18, `done after ${milliseconds(panel.wallMs)}`),
      )
    }
    const { p50, p99, max } = panel.latency
    const marks = [
      { label: `max ${milliseconds(max)}`, ms: max, color: panel.color, dash: '' },
      { label: `p99 ${milliseconds(p99)}`, ms: p99, color: panel.color, dash: '6 4' },
      { label: `p50 ${milliseconds(p50)}`, ms: p50, color: panel.color, dash: '' },
      { label: `idle ${milliseconds(idleP50Ms)}`, ms: idleP50Ms, color: '#64748b', dash: '2 4' },
    ]
    let labelY = -Infinity
    for (const mark of marks.sort((a, b) => b.ms - a.ms)) {
      const at = y(mark.ms, top)
      // Labels that would lie on each other are pushed down, away from their lines.
      labelY = Math.max(at + 4.5, labelY + 16)
      if (!mark.label.startsWith('max')) {
        const style = `stroke-width="1.5" stroke-dasharray="${mark.dash}"`
        parts.push(line(PANEL.left, at, PANEL.right, at, mark.color, style))
      }
      parts.push(text(PANEL.right + 10, labelY, mark.label, `fill="${mark.color}"`))
    }
    return parts.join('')
  }

  /** @param {Panel} panel @param {number} top */
  function dots({ sentAtMs, latencyMs, color }, top) {
    // One path of points instead of thousands of elements: viewers stay fast.
    const points = sentAtMs.map((ms, index) => {
      return `M${round(x(ms / 1000))} ${round(y(latencyMs[index] ?? 0, top))}h0`
    })
    return (
      `<path d="${points.join('')}" fill="none" stroke="${color}" stroke-width="3"` +
      ` stroke-linecap="round" stroke-opacity="0.45"/>\n`
    )
  }
}

/** @param {number} ms */
function tick(ms) {
  return ms >= 1000 ? `${ms / 1000} s` : `${ms >= 1 ? ms : ms.toPrecision(1)} ms`
}

/**
 * Round values, six to twelve of them.
 *
 * @param {number} seconds
 */
function timeTicks(seconds) {
  const power = 10 ** Math.floor(Math.log10(seconds / 6))
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => seconds / n <= 12) ?? seconds
  const ticks = []
  for (let n = 0; n * step <= seconds; n += 1) ticks.push(Number((n * step).toPrecision(6)))
  return ticks
}

/**
 * @param {number} x1
 * @param {number} y1
 * @param {number} x2
 * @param {number} y2
 * @param {string} color
 * @param {string} [style]
 */
function line(x1, y1, x2, y2, color, style = '') {
  const [a, b, c, d] = [x1, y1, x2, y2].map(round)
  return `<line x1="${a}" y1="${b}" x2="${c}" y2="${d}" stroke="${color}" ${style}/>\n`
}

/**
 * @param {number} x
 * @param {number} y
 * @param {string} content
 * @param {string} [style]
 */
function text(x, y, content, style = '') {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${round(x)}" y="${round(y)}" ${style}>${escaped}</text>\n`
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 10) / 10
}
