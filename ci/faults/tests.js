// Runs the tests that must notice a fault, and reads off what they say which of them fail.

import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { ProcessFailed, root } from '../../scripts/process.js'

/** All tests together, and those of one fault. Longer than a test may take by itself, which is a minute. */
const ALL_LIMIT_MS = 20 * 60_000
const LIMIT_MS = 100_000
/** With a fault that makes them hang they hang: a test that passes takes a few seconds. */
const HANGS_LIMIT_MS = 15_000

/**
 * @typedef {{ test: string, how: 'assertion' | 'did not end' }} Red
 */

/**
 * Runs the tests of these faults in the copy.
 *
 * @returns {Promise<{ green: number, red: Red[], output: string }>} how many pass, and which do not
 */
export async function runTests(copy, faults, channel) {
  const limitMs = faults.length > 1 ? ALL_LIMIT_MS : faults[0].hangs ? HANGS_LIMIT_MS : LIMIT_MS
  if (channel !== 'none') return runAva(copy, faults, channel, limitMs)
  const outcomes = []
  if (faults.some(({ types }) => types)) outcomes.push(await runTypes(copy, limitMs))
  const names = faults.flatMap(({ core }) => core ?? [])
  if (names.length > 0) outcomes.push(await runCore(copy, [...new Set(names)], limitMs))
  return {
    green: outcomes.reduce((sum, { green }) => sum + green, 0),
    red: outcomes.flatMap(({ red }) => red),
    output: outcomes.map(({ output }) => output).join('\n'),
  }
}

async function runAva(copy, faults, channel, limitMs) {
  const files = [...new Set(faults.flatMap(({ tests }) => tests))]
  // Titles of one file are patterns for all: a few more tests than are needed run, without a fault.
  const patterns = new Set(faults.flatMap(({ match }) => match ?? ['*']))
  const match = patterns.has('*') ? [] : [...patterns].flatMap((title) => ['--match', title])
  const args = [...files.map((file) => join('__test__', file)), ...match]
  // One is enough, and what hangs would be waited for once for each of the others.
  if (faults.length === 1) args.push('--fail-fast')
  const ava = join(root, 'node_modules/ava/entrypoints/cli.mjs')
  const env = { PLUMP_TEST_CHANNEL: channel }
  const { output, ended } = await outputOf(copy, process.execPath, [ava, ...args], env, limitMs)
  const red = redOfAva(output)
  if (!ended) red.push({ test: (faults[0].match ?? files).join(', '), how: 'did not end' })
  return { green: [...output.matchAll(/^\s*[✔√] (?!\[)/gm)].length, red, output }
}

/**
 * The tests that failed, by the report that ava writes for people: the one for programs breaks off at some values. Each has a
 * line with its title and what is wrong, and a part below in which its title stands alone. What fails outside of any test
 * has neither.
 */
function redOfAva(output) {
  const titles = [...output.matchAll(/^ {2}─\n\n {2}(.*)\n/gm)].map(([, title]) => title)
  return [...output.matchAll(/^\s*[✘✖×] \[fail\]: (.*)$/gm)].map(([, line]) => ({
    test: titles.find((title) => line.startsWith(title)) ?? line,
    how: line.endsWith('Test timeout exceeded') ? 'did not end' : 'assertion',
  }))
}

async function runTypes(copy, limitMs) {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const args = [tsc, '--project', 'tsconfig.json', '--pretty', 'false']
  const { output, ended, failed } = await outputOf(copy, process.execPath, args, {}, limitMs)
  const wrong = [...output.matchAll(/^(.*\.ts)\(\d+,\d+\): error TS/gm)].map(([, file]) => file)
  // A fault that the sources themselves do not compile with is none of their types.
  const red = [...new Set(wrong)]
    .filter((file) => file.startsWith('__test__'))
    .map((test) => ({ test, how: 'assertion' }))
  if (!ended) red.push({ test: 'tsc', how: 'did not end' })
  return { green: failed ? 0 : 1, red, output }
}

async function runCore(copy, names, limitMs) {
  const args = ['test', '--quiet', '--package', 'plump-core', '--lib', '--', ...names]
  const { output, ended } = await outputOf(copy, 'cargo', args, {}, limitMs)
  const passed = [...output.matchAll(/^test result: \w+\. (\d+) passed/gm)]
  const red = [...output.matchAll(/^test (\S+) \.\.\. FAILED$|^---- (\S+) stdout ----$/gm)].map(
    ([, one, other]) => ({ test: one ?? other, how: 'assertion' }),
  )
  if (!ended) red.push({ test: names.join(', '), how: 'did not end' })
  return { green: passed.reduce((sum, [, count]) => sum + Number(count), 0), red, output }
}

/** What a program printed, however it ended; `ended`: by itself. */
async function outputOf(copy, command, args, env, limitMs) {
  try {
    const { output } = await copy.run(command, args, { env, limitMs })
    return { output: stripVTControlCharacters(output), ended: true, failed: false }
  } catch (error) {
    if (!(error instanceof ProcessFailed)) throw error
    const ended = !/took longer than/.test(error.message)
    return { output: stripVTControlCharacters(error.output), ended, failed: true }
  }
}

export function titleOf({ test, how }) {
  return how === 'assertion' ? `'${test}'` : `'${test}' (${how})`
}
