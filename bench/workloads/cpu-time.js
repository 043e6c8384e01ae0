import { cpuTimeMs } from '../frame/cpu-time.js'
import { expect, timeInFlight } from '../frame/loops.js'

export default {
  name: 'cpu-time',
  title: 'CPU time per call, host and worker together',
  needs: ['acall'],
  cases: [
    { name: '1', regime: 'free', width: 1, task: 'add', args: [2, 3], answer: 5 },
    { name: '64', regime: 'free', width: 64, task: 'add', args: [2, 3], answer: 5 },
    { name: 'handlers-1ms', regime: 'free', width: 1, task: 'burn', args: [1], answer: 1 },
  ],
  figure: { metric: 'cpuPerCall', unit: 'µs', better: 'lower' },
  beside: { metric: 'perSecond', unit: 'calls/s' },
  variants: ['plump-ipc-pipe'],
  floor: 'local',
  python: true,
  goals: [{ case: 'handlers-1ms', against: 'worker-threads', plus: 60 }],
  async run({ seconds, start, case: { width, task, args, answer } }) {
    const { acall } = await start({ inFlight: width })
    const { pid } = await acall('identity')
    const pids = [process.pid, pid]
    const once = async () => expect(await acall(task, ...args), answer)
    await timeInFlight(seconds * 0.2, width, once)
    const before = cpuTimeMs(pids)
    let calls = 0
    const result = await timeInFlight(seconds, width, () => {
      calls++
      return once()
    })
    const used = cpuTimeMs(pids) - before
    return {
      cpuPerCall: (used / calls) * 1000,
      perSecond: result.perSecond,
      p50: result.p50,
      calls,
      cpuMs: used,
    }
  },
}
