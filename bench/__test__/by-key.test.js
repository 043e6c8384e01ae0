import test from 'ava'
import { setTimeout as sleep } from 'node:timers/promises'
import { chainByKey, workerOfKey } from '../peers/by-key.js'

test('calls of one key run one at a time and in order, those of another at the same time', async (t) => {
  const begun = []
  const running = new Map()
  let most = 0
  const call = async (key, number) => {
    t.is(running.get(key) ?? 0, 0, 'another call of this key is running')
    running.set(key, 1)
    most = Math.max(
      most,
      [...running.values()].reduce((sum, one) => sum + one, 0),
    )
    begun.push(`${key}${number}`)
    await sleep(2)
    running.set(key, 0)
    return number
  }
  const keyed = chainByKey(call)
  const answers = await Promise.all([keyed('a', 1), keyed('b', 1), keyed('a', 2), keyed('a', 3)])
  t.deepEqual(answers, [1, 1, 2, 3])
  t.deepEqual(
    begun.filter((entry) => entry.startsWith('a')),
    ['a1', 'a2', 'a3'],
  )
  t.is(most, 2)
})

test('a call goes on after one of its key that failed', async (t) => {
  const keyed = chainByKey(async (_key, number) => {
    if (number === 1) throw new Error('the first')
    return number
  })
  const [first, second] = await Promise.allSettled([keyed('a', 1), keyed('a', 2)])
  t.is(first.status, 'rejected')
  t.is(second.value, 2)
})

test('the keys of the workload are spread evenly over two workers', (t) => {
  const workers = Array.from({ length: 16 }, (_unused, index) => workerOfKey(`user-${index}`, 2))
  t.is(workers.filter((worker) => worker === 0).length, 8)
})
