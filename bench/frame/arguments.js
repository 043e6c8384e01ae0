import { parseArgs } from 'node:util'
import { PEERS } from '../peers.js'
import { WORKLOADS } from '../workloads.js'

export const HELP = `npm run bench -- [options]

  --peers a,b      only these peers; 'plump-ipc' brings its variants (default: all)
  --workloads x,y  only these workloads; 'x@case' for one case (default: all)
  --rounds n       rounds, interleaved over the peers (default 5)
  --seconds s      time of each measurement (default 0.5)
  --json file      write the result there, raw data included
  --seed n         seed of payloads and of the first order of peers (default 1)
  --max-minutes m  no new measurement after that time (default 120)
  --list           names of the peers and workloads
  --help           this text

Peers:     ${[...PEERS.keys()].join(', ')}
Workloads: ${WORKLOADS.join(', ')}
`

/** @throws Error with a sentence for the user when an argument makes no sense */
export function readArguments(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      peers: { type: 'string' },
      workloads: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '0.5' },
      json: { type: 'string' },
      seed: { type: 'string', default: '1' },
      'max-minutes': { type: 'string', default: '120' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const peers = list(values.peers)
  for (const name of peers ?? []) {
    if (!PEERS.has(name)) throw new Error(`no peer '${name}'; there are: ${names(PEERS.keys())}`)
  }
  const workloads = list(values.workloads)
  for (const name of workloads ?? []) {
    if (!WORKLOADS.includes(name.split('@')[0])) {
      throw new Error(`no workload '${name}'; there are: ${names(WORKLOADS)}`)
    }
  }
  return {
    help: values.help,
    list: values.list,
    peers,
    workloads,
    rounds: number('--rounds', values.rounds, 1, 1000, { whole: true }),
    seconds: number('--seconds', values.seconds, 0.01, 600),
    seed: number('--seed', values.seed, 0, 2 ** 32 - 1, { whole: true }),
    maxMinutes: number('--max-minutes', values['max-minutes'], 0.1, 24 * 60),
    json: values.json,
  }
}

function list(text) {
  if (text === undefined) return undefined
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

function names(of) {
  return [...of].join(', ')
}

function number(option, text, least, most, { whole = false } = {}) {
  const value = Number(text)
  if (!(value >= least && value <= most) || (whole && !Number.isInteger(value))) {
    const kind = whole ? 'a whole number' : 'a number'
    throw new Error(`${option} takes ${kind} from ${least} to ${most}, got '${text}'`)
  }
  return value
}
