// The internal listener: the control center, and whoever runs the server.

import { isSame } from './auth.js';
import { view } from './chats.js';
import { insist } from './errors.js';
import { bodyOf, idOf, listener } from './http.js';
import { isUuid } from './moment.js';
import { isSetting, isSettingValue } from './settings.js';

const isBoolean = (value) => typeof value === 'boolean';

export function internalListener({ chats, client, db, life, mirror, mitras, readers, settings, token }) {
  const { app, route } = listener();

  const operator = [
    async (request) => {
      const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
      insist(isSame(given, token), 'UNAUTHENTICATED', 'the internal token is needed');
    },
  ];

  route('GET', '/internal/dashboard', operator, async () => ({ online_mitras: await readers.onlineCount() }));
  route('GET', '/internal/mitras', operator, async () => ({ mitras: await mitras.list() }));
  route('PATCH', '/internal/mitras/:id', operator, (request) => {
    const id = idOf(request);
    return mitras.setActive(id, bodyOf(request, { is_active: isBoolean }).is_active);
  });
  route('GET', '/internal/mitras/:id/reachable', operator, async (request) => ({
    reachable: await readers.reachable(idOf(request)),
  }));
  route('GET', '/internal/mitras/available', operator, async () => ({ mitra_ids: await readers.available() }));
  route('POST', '/internal/chat-sessions/:id/reroute', operator, async (request) => {
    const id = idOf(request);
    return view(await chats.reroute(id, bodyOf(request, { mitra_id: isUuid }).mitra_id.toLowerCase()));
  });
  route('GET', '/internal/config', operator, async () => ({ config: await settings.load() }));
  route('PUT', '/internal/config/:key', operator, async (request) => {
    const { key } = request.params;
    const { value } = bodyOf(request, { value: isSettingValue });
    insist(isSetting(key), 'NOT_FOUND', 'no such setting');
    await settings.put(key, value, client);
    return { key, value };
  });

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
