import test from 'ava'
import { command } from '../src/register.js'
import { registry } from '../src/registry.js'

const given = command as unknown as (...given: unknown[]) => unknown

test('the function forms return their function and register it', (t) => {
  function byItsName() {}
  const other = () => 1
  t.is(command(byItsName), byItsName)
  t.is(command('byAnother', other), other)
  t.is(registry.commands.get('byItsName')?.handler, byItsName)
  t.is(registry.commands.get('byAnother')?.handler, other)
})

test('what is no form of it is refused', (t) => {
  for (const wrong of [[7], ['name', 7], [{}, {}], ['a', () => 1, 2, 3].slice(0, 1).concat('b')])
    t.throws(() => given(...wrong), { code: 'ERR_PLUMP_INVALID_ARGUMENT' })
  t.throws(() => given(class {}), { code: 'ERR_PLUMP_INVALID_ARGUMENT', message: /got a class/ })
  t.throws(() => (given('name') as (...a: unknown[]) => unknown)(() => 1), {
    code: 'ERR_PLUMP_INVALID_ARGUMENT',
    message: /decorator for methods/,
  })
})

test('a function without a name needs one', (t) => {
  t.throws(() => given(() => 1), { code: 'ERR_PLUMP_INVALID_COMMAND_NAME' })
})

test('decorators of the experimental kind register their method', (t) => {
  const decorate = given('oldStyle') as (...a: unknown[]) => unknown
  const move = () => 1
  decorate({}, 'move', { value: move })
  given({}, 'bareOldStyle', { value: move })
  t.is(registry.commands.get('oldStyle')?.self, 'context')
  t.is(registry.commands.get('bareOldStyle')?.handler, move)
})

test('private methods, fields and symbols are refused', (t) => {
  const context = { kind: 'method', name: '#a', private: true, static: false, addInitializer() {} }
  t.throws(() => given(() => 1, context), { message: /private/ })
  t.throws(() => given(() => 1, { ...context, kind: 'getter' }), { message: /not a getter/ })
  t.throws(() => given(() => 1, { ...context, private: false, name: Symbol('s') }), {
    message: /symbol/,
  })
})
