import test from 'ava'
import { chart } from '../frame/chart.js'

const row = (value) => ({
  name: '<peer>',
  text: 'text',
  dots: [{ value, least: value * 0.9, most: value * 1.1, colour: '#123456' }],
})
const draw = (values) =>
  chart({ title: 'a & b', about: 'about', rows: values.map(row), legend: [], notes: [] })
const dotsOf = (svg) => [...svg.matchAll(/<circle cx="([\d.]+)"/g)].map(([, x]) => Number(x))

test('equal ratios are equal distances on the scale of a wide range', (t) => {
  const svg = draw([10, 100, 1000])
  const [first, second, third] = dotsOf(svg)
  t.true(Math.abs(second - first - (third - second)) < 0.2)
  t.regex(svg, /logarithmic scale/)
})

test('a narrow range, and one with nothing or less in it, begins at zero', (t) => {
  const [first, second, third] = dotsOf(draw([1, 2, 3]))
  t.true(Math.abs(second - first - (third - second)) < 0.2)
  for (const svg of [draw([1, 2, 3]), draw([0, 5]), draw([-1, 500])]) {
    t.notRegex(svg, /logarithmic|NaN|Infinity/)
  }
})

test('names stay text', (t) => {
  t.regex(draw([1]), /&lt;peer&gt;/)
  t.regex(draw([1]), /a &amp; b/)
})
