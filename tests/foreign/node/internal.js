// The internal listener: the control center, and whoever runs the server.

import { isSame } from './auth.js';
import { view } from './chats.js';
import { insist } from './errors.js';
import { WITH_BODY, bodyOf, idOf, listener } from './http.js';
import { isUuid } from './moment.js';
import { isSetting, isSettingValue } from './settings.js';

const isBoolean = (value) => typeof value === 'boolean';

export function internalListener({ chats, client, db, life, mirror, mitras, readers, settings, token }) {
  const { app, route } = listener(life);

  const operator = [
    async (request) => {
      const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
      insist(isSame(given, token), 'UNAUTHENTICATED', 'the internal token is needed');
    },
  ];

  route('GET', '/internal/dashboard', operator, async () => ({ online_mitras: await readers.onlineCount() }));
  route('GET', '/internal/mitras', operator, async () => ({ mitras: await mitras.list() }));
  const setActive = (request) => mitras.setActive(idOf(request), bodyOf(request, { is_active: isBoolean }).is_active);
  route('PATCH', '/internal/mitras/:id', operator, setActive, WITH_BODY);
  route('GET', '/internal/mitras/:id/reachable', operator, async (request) => ({
    reachable: await readers.reachable(idOf(request)),
  }));
  route('GET', '/internal/mitras/available', operator, async () => ({ mitra_ids: await readers.available() }));
  const reroute = async (request) =>
    view(await chats.reroute(idOf(request), bodyOf(request, { mitra_id: isUuid }).mitra_id.toLowerCase()));
  route('POST', '/internal/chat-sessions/:id/reroute', operator, reroute, WITH_BODY);
  route('GET', '/internal/config', operator, async () => ({ config: await settings.load() }));
  const putSetting = async (request) => {
    const { key } = request.params;
    const { value } = bodyOf(request, { value: isSettingValue });
    insist(isSetting(key), 'NOT_FOUND', 'no such setting');
    await settings.put(key, value, client);
    return { key, value };
  };
  route('PUT', '/internal/config/:key', operator, putSetting, WITH_BODY);

  route('GET', '/healthz', [], async () => ({ status: 'ok' }));
  route('GET', '/readyz', [], async () => {
    insist(!life.stopping, 'SERVICE_UNAVAILABLE', 'stopping');
    await db.query('SELECT 1');
    return { status: 'ready' };
  });
  route('GET', '/metrics', [], async (_request, reply) =>
    reply.type('text/plain; version=0.0.4').send(
      [
        '# HELP mirror_warm Whether Valkey answers for availability (1), or Postgres (0).',
        '# TYPE mirror_warm gauge',
        `mirror_warm ${Number(mirror.warm)}`,
        '# HELP process_resident_memory_bytes Memory of the process.',
        '# TYPE process_resident_memory_bytes gauge',
        `process_resident_memory_bytes ${process.memoryUsage.rss()}`,
        '',
      ].join('\n'),
    ),
  );
  return app;
}
