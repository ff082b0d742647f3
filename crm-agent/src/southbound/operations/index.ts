export { OperationsDoor, type OperationsSettings } from './door.js';
