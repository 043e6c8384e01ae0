// Proves that the tests of pools, deadlines, cancellation and back-pressure can fail: takes one promise of the package away
// in a copy of the repository, builds that, and runs the tests that must notice, over rings and over pipes. The table of
// faults is ci/faults/table.js. The exit code is 1 when a fault was not found.

import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { describeRun, sayRun } from '../bench/frame/machine.js'
import { install } from '../scripts/install.js'
import { ProcessFailed } from '../scripts/process.js'
import { faultyCopy } from './faults/copy.js'
import { table } from './faults/table.js'
import { runTests, titleOf } from './faults/tests.js'

const HELP = `node ci/faults.js [options]

  --only a,b        faults by their names, * stands for anything   (all)
  --channels a,b    of: ring, pipe                                 (both)
  --json file       where the results go, after each fault
  --list            only says which faults there are

`
const CHANNELS = process.platform === 'linux' ? ['ring', 'pipe'] : ['pipe']

try {
  process.exitCode = await main(readOptions())
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  if (error instanceof ProcessFailed) process.stderr.write(`${error.output}\n`)
  process.exitCode = 2
}

function readOptions() {
  const text = { type: 'string' }
  const flag = { type: 'boolean' }
  const { values } = parseArgs({
    options: { help: flag, list: flag, only: text, channels: text, json: text },
  })
  const channels = values.channels?.split(',') ?? CHANNELS
  const unknown = channels.filter((channel) => !CHANNELS.includes(channel))
  if (unknown.length > 0) throw new Error(`--channels ${unknown}: there are ${CHANNELS.join(', ')}`)
  const faults = values.only?.split(',').flatMap(named) ?? table
  return { ...values, channels, faults }
}

function named(pattern) {
  const wanted = new RegExp(`^${pattern.replaceAll(/[^\w*-]/g, '').replaceAll('*', '.*')}$`)
  const faults = table.filter(({ name }) => wanted.test(name))
  if (faults.length === 0) throw new Error(`--only ${pattern}: there is no such fault`)
  return faults
}

async function main({ help, list, channels, faults, json }) {
  const say = (line) => process.stdout.write(`${line}\n`)
  if (help) say(HELP)
  if (list) for (const { name, line } of faults) say(`${name}: ${line}`)
  if (help || list) return 0

  checkNames()
  const result = {
    ...describeRun(),
    channels,
    inTable: table.length,
    found: 0,
    notFound: [],
    withoutAnyFault: {},
    faults: [],
  }
  const save = () => {
    if (json !== undefined) writeFileSync(json, `${JSON.stringify(result, null, 2)}\n`)
  }
  say(sayRun(result))
  await install()
  const copy = faultyCopy()
  try {
    // What is not there once cannot be taken away: said before anything is built.
    for (const fault of faults) copy.check(fault)
    await copy.build()
    for (const [channel, tests] of allTests(faults, channels)) {
      const outcome = await runTests(copy, tests, channel)
      if (outcome.red.length > 0)
        throw new Error(
          `Without any fault these tests fail (${channel}): ${outcome.red.map(titleOf).join('; ')}\n${outcome.output}`,
        )
      if (outcome.green === 0) throw new Error(`No test was run (${channel}).\n${outcome.output}`)
      result.withoutAnyFault[channel] = outcome.green
      say(`without any fault, ${channel}: ${outcome.green} tests pass`)
    }
    for (const fault of faults) {
      const found = await tryOut(copy, fault, channels)
      result.faults.push(found)
      if (found.isFound) result.found++
      else result.notFound.push(fault.name)
      save()
      say(sentence(found))
    }
  } finally {
    copy.close()
  }
  const { found, notFound } = result
  say(`${found} of ${faults.length} faults were found`)
  if (notFound.length > 0) say(`not found: ${notFound.join(', ')}`)
  return notFound.length > 0 ? 1 : 0
}

/** Seeds one fault and runs its tests over each channel; what they say of it. */
async function tryOut(copy, fault, channels) {
  const { name, line, file } = fault
  const began = performance.now()
  const over = {}
  let problem
  copy.seed(fault)
  try {
    await copy.build()
    const runOver = async (channel) => {
      let outcome = await runTests(copy, [fault], channel)
      // The machine may have been busy, or this process stopped: only a fault that hangs does so twice.
      if (outcome.red.some(({ how }) => how === 'did not end') && fault.hangs !== true)
        outcome = await runTests(copy, [fault], channel)
      over[channel] = outcome.red
      if (outcome.red.length === 0 && outcome.green === 0) problem = 'no test was run'
    }
    // At the same time: mostly they wait.
    const by = channelsOf(fault, channels)
    if (by.length === 0) problem = `it can be noticed over ${fault.channels} only`
    await Promise.all(by.map(runOver))
  } catch (error) {
    if (!(error instanceof ProcessFailed)) throw error
    problem = `it does not build: ${error.output.slice(0, 2_000)}`
  } finally {
    copy.restore(fault)
  }
  const isFound = problem === undefined && Object.values(over).every((red) => red.length > 0)
  const tookSeconds = Math.round((performance.now() - began) / 100) / 10
  return { name, line, file, isFound, ...(problem && { problem }), over, tookSeconds }
}

/** Types and the tests of the core know no channel. */
function channelsOf({ tests, channels: noticed }, channels) {
  if (tests === undefined) return ['none']
  return noticed === undefined ? channels : channels.filter((channel) => noticed.includes(channel))
}

/** The tests of all these faults, to be run together, by the channel. */
function allTests(faults, channels) {
  const withTests = faults.filter(({ tests }) => tests !== undefined)
  const others = faults.filter(({ tests }) => tests === undefined)
  const all = withTests.length === 0 ? [] : channels.map((channel) => [channel, withTests])
  return others.length === 0 ? all : [...all, ['none', others]]
}

function sentence({ name, isFound, problem, over, tookSeconds }) {
  const how = Object.entries(over).map(([channel, red]) => {
    const where = channel === 'none' ? '' : `${channel}: `
    return `${where}${red.length === 0 ? 'not found' : red.map(titleOf).join(', ')}`
  })
  const outcome = `${isFound ? 'found' : 'NOT FOUND'}  ${name} (${tookSeconds} s)`
  return [outcome, ...how, ...(problem === undefined ? [] : [problem])].join('  ')
}

function checkNames() {
  const names = table.map(({ name }) => name)
  const twice = names.filter((name, index) => names.indexOf(name) !== index)
  if (twice.length > 0) throw new Error(`The table has two faults named ${twice.join(', ')}`)
}
