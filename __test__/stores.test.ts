import test from 'ava'
import type { PlumpOptions } from '../src/index.js'
import { options, start } from './start.js'

interface Commands {
  open(options: PlumpOptions): Promise<void>
  close(): Promise<void>
  callInside(store: string): Promise<string>
  look(): string | undefined
  lookLater(): Promise<string>
}

test('a handler runs in the AsyncLocalStorage of no other call, also while others call in their turn', async (t) => {
  const plump = start<Commands>(t, 'stores.mjs')
  await plump.acall('open', options())
  const stores = new Set<string | undefined>()
  const contexts = new Set<string>()
  const calling = async (name: string): Promise<void> => {
    for (let i = 0; i < 150; i++) t.is(await plump.acall('callInside', name), name)
  }
  const looking = async (): Promise<void> => {
    for (let i = 0; i < 600; i++) {
      stores.add(await plump.acall('look'))
      contexts.add(await plump.acall('lookLater'))
    }
  }
  await Promise.all([calling('one'), calling('two'), looking(), looking()])
  await plump.acall('close')
  t.deepEqual([...stores], [undefined])
  t.deepEqual([...contexts], ['ERR_PLUMP_NO_CALL'])
})
