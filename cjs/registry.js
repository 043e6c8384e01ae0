"use strict";
// The commands of this process, once, whichever copies of this package register them.
Object.defineProperty(exports, "__esModule", { value: true });
exports.registry = exports.Registry = void 0;
exports.isHandler = isHandler;
const command_names_js_1 = require("./command-names.js");
const errors_js_1 = require("./errors.js");
const shared_js_1 = require("./shared.js");
class Registry {
    /** In the order of registration. A Map, because names such as `constructor` are names like any other. */
    commands = new Map();
    /** What methods run on. */
    context;
    /** Told each command that is added. */
    onAdd;
    /**
     * Adds a command. The same function under the same name counts once.
     *
     * @throws PlumpError `ERR_PLUMP_DUPLICATE_COMMAND`, `ERR_PLUMP_INVALID_COMMAND_NAME`
     */
    add(name, handler, self) {
        (0, command_names_js_1.checkCommandName)(name);
        const present = this.commands.get(name);
        if (present !== undefined) {
            if (present.handler === handler)
                return present;
            throw new errors_js_1.PlumpError('ERR_PLUMP_DUPLICATE_COMMAND', `Two different functions were registered as '${name}'. Give one of them another name.`);
        }
        const command = { name, handler, self };
        this.commands.set(name, command);
        this.onAdd?.(command);
        return command;
    }
    /** Adds every function that a module exports; `default`, classes and everything else are no commands. */
    addExports(exports) {
        for (const [name, value] of Object.entries(exports)) {
            // Node 23 and later give the whole of a CommonJS module this name.
            if (name === 'default' || name === 'module.exports')
                continue;
            if (isHandler(value))
                this.add(name, value, 'none');
        }
    }
    /**
     * Runs a command, with what it needs as `this`.
     *
     * @throws PlumpError `ERR_PLUMP_NO_CONTEXT`, and whatever the handler throws
     */
    run(command, args) {
        return Reflect.apply(command.handler, this.#self(command), args);
    }
    #self(command) {
        const { self } = command;
        if (self === 'none')
            return undefined;
        if (typeof self === 'object')
            return self.of;
        if (self === 'context' && this.context === undefined)
            throw new errors_js_1.PlumpError('ERR_PLUMP_NO_CONTEXT', `The command '${command.name}' is a method, and there is no instance to run it on: call setContext(instance) in the worker's module.`);
        return this.context;
    }
}
exports.Registry = Registry;
/** The registry of this process. */
exports.registry = (0, shared_js_1.once)('registry', () => new Registry());
/** Whether a value can be called: a function that is no class. */
function isHandler(value) {
    return typeof value === 'function' && !/^class\b/.test(Function.prototype.toString.call(value));
}
//# sourceMappingURL=registry.js.map