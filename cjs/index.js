"use strict";
// The public surface, and nothing else. Everything is in a file of its own name.
Object.defineProperty(exports, "__esModule", { value: true });
exports.plump = exports.PlumpWorkerError = exports.PlumpTimeoutError = exports.PlumpSerializationError = exports.PlumpError = exports.PlumpConnectionError = exports.PlumpQueue = exports.plumpBus = exports.isWorker = exports.spawn = exports.PlumpIPC = void 0;
const plump_ipc_js_1 = require("./plump-ipc.js");
Object.defineProperty(exports, "PlumpIPC", { enumerable: true, get: function () { return plump_ipc_js_1.PlumpIPC; } });
const shared_js_1 = require("./shared.js");
var spawn_js_1 = require("./spawn.js");
Object.defineProperty(exports, "spawn", { enumerable: true, get: function () { return spawn_js_1.spawn; } });
var shared_js_2 = require("./shared.js");
Object.defineProperty(exports, "isWorker", { enumerable: true, get: function () { return shared_js_2.isWorker; } });
var bus_js_1 = require("./bus.js");
Object.defineProperty(exports, "plumpBus", { enumerable: true, get: function () { return bus_js_1.plumpBus; } });
Object.defineProperty(exports, "PlumpQueue", { enumerable: true, get: function () { return bus_js_1.PlumpQueue; } });
var errors_js_1 = require("./errors.js");
Object.defineProperty(exports, "PlumpConnectionError", { enumerable: true, get: function () { return errors_js_1.PlumpConnectionError; } });
Object.defineProperty(exports, "PlumpError", { enumerable: true, get: function () { return errors_js_1.PlumpError; } });
Object.defineProperty(exports, "PlumpSerializationError", { enumerable: true, get: function () { return errors_js_1.PlumpSerializationError; } });
Object.defineProperty(exports, "PlumpTimeoutError", { enumerable: true, get: function () { return errors_js_1.PlumpTimeoutError; } });
Object.defineProperty(exports, "PlumpWorkerError", { enumerable: true, get: function () { return errors_js_1.PlumpWorkerError; } });
/** A ready-made instance: in a worker for registering commands, in a host for one module. */
exports.plump = (0, shared_js_1.once)('plump', () => new plump_ipc_js_1.PlumpIPC());
//# sourceMappingURL=index.js.map