import { DEBUG_AREAS, type DebugArea, type DebugAreas, fail, type Logger } from '@edgeplane/base';
import type { DebugApiService, DebugLevel } from '@edgeplane/proto/log/debug.js';
import { rpcErrors } from './errors.js';
import { unary } from './handler.js';
import type { ServiceHandlers } from './server.js';

/** Switches the debug lines of this process, area by area (controller spec section 18.5). */
export function debugApi(areas: DebugAreas, logger: Logger): ServiceHandlers<typeof DebugApiService> {
  const changed = () => {
    logger.info({ enabled: areas.enabled() }, 'Debug levels');
    return { status: '', code: 0 };
  };
  return {
    enableDebugLevels: unary(async ({ levels }) => {
      areas.enable(levels.map(areaOfLevel));
      return changed();
    }),
    disableDebugLevels: unary(async ({ levels }) => {
      areas.disable(levels.map(areaOfLevel));
      return changed();
    }),
    showDebugLevels: unary(async () => ({
      levels: areas.enabled().map((area) => DEBUG_AREAS.indexOf(area) as DebugLevel),
    })),
  };
}

/** @throws EdgeplaneError DEBUG_LEVEL_UNKNOWN */
function areaOfLevel(level: number): DebugArea {
  const area = DEBUG_AREAS[level];
  if (area) return area;
  const known = DEBUG_AREAS.map((name, number) => `${number} (${name})`).join(', ');
  throw fail(rpcErrors.DEBUG_LEVEL_UNKNOWN, { level, known });
}
