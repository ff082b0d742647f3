export { FAKE_DEFAULTS, FakeDriver, type FakeSettings } from './fake-driver.js';
export { FAKE_OPERATIONS, type FakeOperation, type FakeRule, parseFakeRules } from './script.js';
