"use strict";
// `command` in all its forms: command(fn), command(name, fn), @command, @command(), @command(name), and what compilers
// make of decorators without TC39 semantics (`experimentalDecorators`).
Object.defineProperty(exports, "__esModule", { value: true });
exports.command = void 0;
const errors_js_1 = require("./errors.js");
const options_js_1 = require("./options.js");
const registry_js_1 = require("./registry.js");
exports.command = ((...given) => {
    const [first, second] = given;
    if (isDecoratorContext(second))
        return decorate(first, second, undefined);
    if (isLegacyDecorator(given))
        return decorateLegacy(given, undefined);
    if (typeof second === 'function')
        return register(first, second);
    if (given.length <= 1 && typeof first === 'function')
        return register(first.name, first);
    if (given.length <= 1 && (first === undefined || typeof first === 'string'))
        return (...decorated) => {
            const [method, context] = decorated;
            if (isDecoratorContext(context))
                return decorate(method, context, first);
            if (isLegacyDecorator(decorated))
                return decorateLegacy(decorated, first);
            throw invalid(`command(${first === undefined ? '' : (0, options_js_1.shown)(first)}) is a decorator for methods; to register a function write command(name, function).`);
        };
    throw invalid(`command takes (function), (name, function), or decorates a method with an optional name; got ${(0, options_js_1.shown)(first)}${given.length > 1 ? `, ${(0, options_js_1.shown)(second)}` : ''}.`);
});
function register(name, handler) {
    if (!(0, registry_js_1.isHandler)(handler))
        throw invalid('command takes a function, got a class. Register its methods: @command() before each, or command(name, Class.prototype.method).');
    registry_js_1.registry.add(name, handler, 'context, if any');
    return handler;
}
function decorate(method, context, name) {
    if (context.kind !== 'method')
        throw invalid(`command decorates methods, not a ${String(context.kind)}.`);
    if (context.private)
        throw invalid(`command can't decorate the private method ${String(context.name)}.`);
    const added = registry_js_1.registry.add(name ?? nameOf(context.name), method, 'context');
    if (context.static)
        context.addInitializer(function () {
            added.self = { of: this };
        });
}
function decorateLegacy(given, name) {
    const [target, key, { value }] = given;
    registry_js_1.registry.add(name ?? nameOf(key), value, typeof target === 'function' ? { of: target } : 'context');
}
function nameOf(key) {
    if (typeof key === 'string')
        return key;
    throw invalid(`A method named by a symbol needs a name of its own: command('name').`);
}
function isDecoratorContext(value) {
    return typeof value === 'object' && value !== null && 'kind' in value && 'addInitializer' in value;
}
function isLegacyDecorator(given) {
    const [target, key, descriptor] = given;
    return (given.length === 3 &&
        (typeof target === 'object' || typeof target === 'function') &&
        (typeof key === 'string' || typeof key === 'symbol') &&
        typeof descriptor?.value === 'function');
}
function invalid(message) {
    return new errors_js_1.PlumpError('ERR_PLUMP_INVALID_ARGUMENT', message);
}
//# sourceMappingURL=register.js.map