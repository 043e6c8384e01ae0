import test from 'ava'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { start, until } from './start.js'

interface Commands {
  notice(value: { list: number[] }): { size: number }
  noticeLater(value: { list: number[] }): Promise<{ size: number }>
  fail(value: { list: number[] }): void
  left(): Promise<number>
  make(size: number): { list: number[] }
  sleep(ms: number): void
}

// One after the other: another call would take the place of what the last one left.
setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

const isGone = (refs: readonly WeakRef<object>[]): Promise<boolean> =>
  until(() => {
    gc()
    return refs.every((ref) => ref.deref() === undefined)
  })

test.serial('an instance keeps no answer that its caller has let go of', async (t) => {
  const plump = start<Commands>(t, 'retention.mjs')
  const refs: WeakRef<object>[] = []
  const use = async (): Promise<void> => {
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => plump.acall('make', i)))
    refs.push(...answers.map((answer) => new WeakRef(answer)), new WeakRef(plump.call('make', 1)))
  }
  await use()
  t.is(refs.length, 41)
  t.true(await isGone(refs))
})

test.serial(
  'an instance keeps no error and no reason of a call that failed or was given up',
  async (t) => {
    const plump = start<Commands>(t, 'retention.mjs')
    const refs: WeakRef<object>[] = []
    const failed = async (call: Promise<unknown>): Promise<void> => {
      refs.push(new WeakRef((await t.throwsAsync(call))!))
    }
    const use = async (): Promise<void> => {
      const controllers = Array.from({ length: 20 }, () => new AbortController())
      const calls = controllers.map(({ signal }) => plump.with({ signal }).acall('sleep', 1))
      const reason = { why: 'as asked' }
      refs.push(new WeakRef(reason))
      for (const controller of controllers) controller.abort(reason)
      await Promise.all([...calls, plump.acall('fail', { list: [] })].map(failed))
    }
    await use()
    t.is(refs.length, 22)
    t.true(await isGone(refs))
  },
)

test.serial('a worker keeps neither the arguments nor the answer of a call', async (t) => {
  const plump = start<Commands>(t, 'retention.mjs', { execArgv: ['--expose-gc'] })
  const list = [1, 2, 3]
  for (let i = 0; i < 5; i++) t.is((await plump.acall('notice', { list })).size, 3)
  await Promise.all(Array.from({ length: 40 }, () => plump.acall('noticeLater', { list })))
  await t.throwsAsync(plump.acall('fail', { list }))
  t.is(plump.call('notice', { list }).size, 3)
  // A sliding look: what runs now may still have what ran just before on its stack.
  let left = -1
  for (let i = 0; i < 50 && left !== 0; i++) left = await plump.acall('left')
  t.is(left, 0)
})
