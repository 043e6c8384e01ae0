// Writes the goals of one or more results into results/README.md, between its two marks: `node report.js result.json…`. Of a
// goal that several have, the last counts. What bounds a goal that is missed is said in results/bounds.json, by the longest
// beginning of its line that is there; a missed goal of which nothing is said makes this fail.
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

const MARKS = ['<!-- goals -->', '<!-- end of goals -->']

const files = process.argv.slice(2)
if (files.length === 0) {
  process.stderr.write('usage: node report.js result.json…\n')
  process.exit(2)
}
const page = join(import.meta.dirname, 'results', 'README.md')
const bounds = Object.entries(
  JSON.parse(readFileSync(join(import.meta.dirname, 'results', 'bounds.json'), 'utf8')),
).toSorted(([a], [b]) => b.length - a.length)

const goals = new Map()
for (const file of files)
  for (const { text, reached } of JSON.parse(readFileSync(file, 'utf8')).goals)
    goals.set(nameOf(text), { text, reached, from: basename(file, '.json') })

const unexplained = []
const rows = [...goals.values()].map(({ text, reached, from }) => {
  const bound = reached ? '' : bounds.find(([begin]) => text.startsWith(begin))?.[1]
  if (bound === undefined) unexplained.push(text)
  return `| ${text} | ${reached ? 'yes' : 'no'} | ${bound ?? '?'} | ${from} |`
})
const reached = [...goals.values()].filter((goal) => goal.reached).length
const table = [
  `${reached} of ${goals.size} lines are reached.`,
  '',
  '| line | reached | what bounds it | run |',
  '| --- | --- | --- | --- |',
  ...rows,
].join('\n')
const [before, rest] = readFileSync(page, 'utf8').split(MARKS[0])
const after = rest.split(MARKS[1])[1]
writeFileSync(page, `${before}${MARKS[0]}\n\n${table}\n\n${MARKS[1]}${after}`)
process.stdout.write(`${reached} of ${goals.size} reached\n`)
for (const text of unexplained) process.stderr.write(`nothing says what bounds: ${text}\n`)
process.exitCode = unexplained.length > 0 ? 1 : 0

/** A goal without the figure of this run: workload, case, whose, against whom. */
function nameOf(text) {
  return text
    .replace(/: [\d.,]+ /, ': ')
    .replace(/( =|, at least|, at most) [\d.,]+$/, '')
    .replace(/best-(\w+) \(.*\)/, 'best-$1')
}
