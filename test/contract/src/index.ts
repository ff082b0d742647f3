export { type ApiContract, apis, contractOf, factsOf, flintlockVectors, type WireVector } from './apis.js';
export { differences } from './check.js';
export type { FieldFact, Inventory, Label, RouteFact, RpcFact } from './inventory.js';
export { inventoryOf, loadTree, type ProtoTree } from './load.js';
