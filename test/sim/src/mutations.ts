/** A fault made in the code on purpose, which the simulation has to find. */
export interface Mutation {
  readonly name: string;
  /** From the root of the repository. */
  readonly file: string;
  /** What the file has exactly once, and what is there instead. */
  readonly find: string;
  readonly replace: string;
  /** Test that fails with it, when it takes more than a few seeds: what it needs is rare, or another part heals it. */
  readonly test?: string;
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'a watch event is swallowed',
    file: 'shared/store/src/cache.ts',
    find: 'const changes = batch.events.map(',
    replace: 'const changes = batch.events.slice(1).map(',
  },
  {
    name: 'a listing takes what is newer back',
    file: 'shared/store/src/cache.ts',
    find: 'if (!isOld) this.#reconcile(listing);',
    replace: 'this.#reconcile(listing);',
    test: 'shared/store/src/cache-own.test.ts',
  },
  {
    name: 'a listing does not tell what is gone',
    file: 'shared/store/src/cache.ts',
    find: 'if (!present.has(key)) changes.push({ key });\n      }',
    replace: '}',
  },
  {
    name: 'transactions do not compare what they read',
    file: 'shared/store/src/stm.ts',
    find: '{ compare: run.compares(), ops: run.ops() }',
    replace: '{ compare: [], ops: run.ops() }',
  },
  {
    name: 'a write is acknowledged before it is stored',
    file: 'controller/src/api/handlers.ts',
    find: 'await work(type.normalize(request));\n    return DONE;',
    replace: 'void work(type.normalize(request)).catch(() => undefined);\n    return DONE;',
  },
  {
    name: 'operations of dead controllers are left alone',
    file: 'controller/src/operations/successor.ts',
    find: 'if (!ours) return;',
    replace: 'if (ours || !ours) return;',
    test: 'controller/src/take-over.test.ts',
  },
  {
    name: 'a report is lost while the store is away',
    file: 'controller/src/notify/persistent-receiver.ts',
    find: 'if (!mayPass(error) || stopping.aborted) throw error;',
    replace: 'throw error;',
  },
  {
    name: 'deletes are not sent',
    file: 'controller/src/notify/cache-source.ts',
    find: 'cache.subscribe((change) => listener(change.key, change.previous))',
    replace: 'cache.subscribe((change) => change.value && listener(change.key, change.previous))',
  },
  {
    name: 'updates are not sent',
    file: 'controller/src/notify/cache-source.ts',
    find: 'cache.subscribe((change) => listener(change.key, change.previous))',
    replace:
      'cache.subscribe((change) => change.previous && change.value || listener(change.key, change.previous))',
  },
  {
    name: 'deletes are not taken',
    file: 'shared/notify/src/object-table.ts',
    find: 'onDelete(_key: K, keyJson: string): void {\n    this.deleteKeyJson(keyJson);',
    replace: 'onDelete(_key: K, _keyJson: string): void {',
  },
  {
    name: 'an older connection marks a site offline',
    file: 'controller/src/notify/cloudlet-info-receiver.ts',
    find: 'if (!stored || stored.notifyId !== peer.id || !this.#isOwn(stored)) return;',
    replace: 'if (!stored) return;',
  },
  {
    name: 'what was under a lost lease is not stored again',
    file: 'controller/src/registry.ts',
    find: 'for (const listener of this.#renewed) await this.#insist(listener, lease);',
    replace: '',
  },
  {
    name: 'a late report takes a site back from a newer session',
    file: 'controller/src/notify/fence.ts',
    find: 'if (isTaken(stored) && !this.#isNewer(cloudlet, standing, stored)) return undefined;',
    replace: '',
  },
  {
    name: 'an operation that was stored with nobody knowing is left alone',
    file: 'controller/src/operations/successor.ts',
    find: "'Operation that nobody works on taken up');\n      this.resume(operation);",
    replace: "'Operation that nobody works on taken up');",
  },
  {
    name: 'an agent does not report that it is ready',
    file: 'crm-agent/src/workers.ts',
    find: 'this.#present.add(keyJson);\n      await this.#reportReady(keyJson, signal);',
    replace: 'this.#present.add(keyJson);',
  },
  {
    name: 'an agent does not remove what it made',
    file: 'crm-agent/src/drivers/fake/fake-driver.ts',
    find: 'await store.delete(keyJson);',
    replace: '',
  },
  {
    name: 'a match engine keeps instances that are gone',
    file: 'dme/src/tables.ts',
    find: 'const instance = this.#remove(name);\n    if (!instance) return;',
    replace: 'const instance = this.#instances.get(name);\n    if (instance || !instance) return;',
  },
  {
    name: 'an instance that is gone keeps its ports',
    file: 'controller/src/operations/drop-app-inst.ts',
    find: 'await releaseAppInst(tx, inst);\n',
    replace: '',
  },
  {
    name: 'a caller is told of a write before its caches have it',
    file: 'controller/src/db/database.ts',
    find: 'if (wrote) await this.#options.sync.reached(result.revision);',
    replace: '',
    test: 'controller/src/db/database.test.ts',
  },
  {
    name: 'a dead controller keeps its operations',
    file: 'controller/src/registry.ts',
    find: 'tx.put(OWNER, owner, lease);',
    replace: 'tx.put(OWNER, owner);',
  },
  {
    name: 'acks are not sent',
    file: 'shared/notify/src/v2/frame-session.ts',
    find: 'this.#writer.acknowledge(last, nacks);',
    replace: '',
  },
  {
    name: 'a frame with an ack behind it waits for its own',
    file: 'shared/notify/src/v2/frame-session.ts',
    find: 'if (!this.#ackAtOnce(bytes)) {',
    replace: 'if (this.#ackAtOnce(bytes)) continue;\n        else {',
    test: 'shared/notify/src/v2/hostile-frames.test.ts',
  },
  {
    name: 'that an instance is gone is forgotten while its agent is not heard',
    file: 'shared/notify/src/speakers.ts',
    find: '    silent.reports.set(name, report);',
    replace: '    if (!isGone) silent.reports.set(name, report);',
    test: 'shared/notify/src/speakers.test.ts',
  },
  {
    name: 'what differs is not asked for',
    file: 'shared/notify/src/v2/frame-receiver.ts',
    find: 'if (incoming.asking) return;',
    replace: 'if (incoming) return;',
  },
  {
    name: 'clients are taken back by a controller that is behind',
    file: 'shared/notify/src/v2/frame-server.ts',
    find: "if (outcome === 'behind') throw",
    replace: "if (outcome === 'nowhere') throw",
    test: 'shared/notify/src/v2/resume.test.ts',
  },
  {
    name: 'a relay takes those above that are behind for a store that went back',
    file: 'relay/src/links.ts',
    find: 'rewound = stored < revision;',
    replace: 'rewound = stored >= 0;',
    test: 'relay/src/rewind.test.ts',
  },
  {
    name: 'a relay forgets what was withdrawn while it had no link',
    file: 'relay/src/report-table.ts',
    find: 'this.#withdrawn.set(keyJson, origin);',
    replace: '',
    test: 'relay/src/tree.test.ts',
  },
  {
    name: 'a relay takes the end of a session for a withdrawal of its reports',
    file: 'relay/src/report-book.ts',
    find: 'for (const table of this.#tables) table.drop(number);',
    replace:
      'for (const table of this.#tables) for (const key of table.keys()) if (table.originOf(key)?.number === number) table.withdraw(key, peer);',
    test: 'relay/src/tree.test.ts',
  },
  {
    name: 'a relay offers shells to agents of other sites',
    file: 'relay/src/messages.ts',
    find: 'keyJson !== undefined && peer.cloudlets.has(keyJson)',
    replace: 'keyJson !== undefined && peer.cloudlets.size >= 0',
    test: 'relay/src/tree.test.ts',
  },
  {
    name: 'a dead connection takes the place of a living one',
    file: 'shared/notify/src/v2/retained-peers.ts',
    find: 'known.turn > turn',
    replace: 'known.turn > turn && known.turn < turn',
    test: 'shared/notify/src/v2/retained-peers.test.ts',
  },
  {
    name: 'an agent does not tell again that an instance is gone',
    file: 'crm-agent/src/workers.ts',
    find: 'if (waits && reporter.stateOf(keyJson) === undefined) this.notice(keyJson);',
    replace: '',
  },
  {
    name: 'an agent makes again what it had begun to delete',
    file: 'crm-agent/src/workers.ts',
    find: "if (verb === 'delete') await this.#persist();",
    replace: '',
    test: 'crm-agent/src/workers.test.ts',
  },
  {
    name: 'what an agent made unheard is not taken back',
    file: 'crm-agent/src/workers.ts',
    find: 'if (!this.#options.kind.desired(keyJson)) this.notice(keyJson);',
    replace: '',
    test: 'crm-agent/src/workers.test.ts',
  },
  {
    name: 'an App stays when its last instance goes',
    file: 'shared/notify/src/v2/views.ts',
    find: 'this.#apps.count(cloudlet, app, is ? 1 : -1)',
    replace: 'this.#apps.count(cloudlet, app, 1)',
  },
];
