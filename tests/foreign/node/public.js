// The public listener: what the apps of mitras and customers call.

import { view } from './chats.js';
import { insist } from './errors.js';
import { WITH_BODY, bodyOf, idOf, listener } from './http.js';
import { isUuid } from './moment.js';

const LONGEST_S = 86_400;
const isPhone = (value) => typeof value === 'string' && /^\+[1-9]\d{6,14}$/.test(value);
const isText = (value) => typeof value === 'string' && value.length > 0;
const isDuration = (value) => Number.isInteger(value) && value >= 1 && value <= LONGEST_S;

export function publicListener({ auth, chats, db, life, mitras, offers, readers }) {
  const { app, route } = listener(life);

  const find = {
    mitra: (id) => mitras.find(id),
    client: (id) => db.one('SELECT id FROM app.clients WHERE id = $1', [id]),
  };
  const token = async (request) => {
    request.claims = await auth.claims(request.headers.authorization);
    insist(typeof request.claims.role === 'string', 'UNAUTHENTICATED');
    insist(Object.hasOwn(find, request.claims.role), 'FORBIDDEN', 'no such role');
  };
  const known = async (request) => {
    const { role, sub } = request.claims;
    request.user = isUuid(sub) ? await find[role](sub) : undefined;
    insist(request.user, 'UNAUTHENTICATED', 'nobody has this token');
  };
  const as = (role) => async (request) => insist(request.claims.role === role, 'FORBIDDEN', `for the role ${role} only`);
  const active = async (request) => insist(request.user.enabled, 'ACCOUNT_INACTIVE');
  // A mitra's ping asks Postgres nothing: only a token of another role is looked up, since 401 comes before 403.
  const pinging = async (request) => request.claims.role === 'mitra' || known(request);
  const mitra = [token, known, as('mitra'), active];
  const customer = [token, known, as('client')];

  route('GET', '/api/shared/auth-providers', [], async () => ({ providers: [{ id: 'otp', name: 'One-time code' }] }));
  route('GET', '/public/bestie-availability', [], () => readers.beacon());

  for (const role of ['mitra', 'client']) {
    const path = `/api/${role}/auth`;
    const post = (name, work) => route('POST', `${path}/${name}`, [], work, WITH_BODY);
    post('otp/request', (request) => auth.requestCode(role, bodyOf(request, { phone: isPhone }).phone));
    post('otp/verify', (request) => {
      const { phone, code } = bodyOf(request, { phone: isPhone, code: isText });
      return auth.verifyCode(role, phone, code);
    });
    post('refresh', (request) => auth.refresh(role, bodyOf(request, { refresh_token: isText }).refresh_token));
    post('logout', async (request, reply) => {
      await auth.logout(bodyOf(request, { refresh_token: isText }).refresh_token);
      return reply.code(204).send();
    });
  }

  route('GET', '/api/mitra/profile', [token, known, as('mitra')], async ({ user }) => {
    const { id, phone, full_name } = user;
    return { id, phone, display_name: full_name };
  });
  route('GET', '/api/mitra/status', mitra, ({ user }) => mitras.status(user.id));
  route('POST', '/api/mitra/status/online', mitra, ({ user }) => mitras.toggle(user.id, true));
  route('POST', '/api/mitra/status/offline', mitra, ({ user }) => mitras.toggle(user.id, false));
  route('POST', '/api/mitra/status/heartbeat', [token, pinging, as('mitra')], ({ claims }) => mitras.ping(claims.sub));
  route('GET', '/api/mitra/chat-requests', mitra, async ({ user }) => ({ chat_requests: await offers.open(user.id) }));
  route('POST', '/api/mitra/chat-requests/:id/accept', mitra, async (request) =>
    view(await offers.accept(idOf(request), request.user.id)),
  );
  route('POST', '/api/mitra/chat-requests/:id/decline', mitra, async (request, reply) => {
    await offers.decline(idOf(request), request.user.id);
    return reply.code(204).send();
  });
  route('POST', '/api/mitra/chat-sessions/:id/end', mitra, async (request) =>
    view(await chats.end(idOf(request), { counselor_id: request.user.id })),
  );

  const sessions = '/api/client/chat-sessions';
  const order = async (request, reply) => {
    const { duration_seconds: seconds } = bodyOf(request, { duration_seconds: isDuration });
    return reply.code(201).send(view(await chats.create(request.user.id, seconds)));
  };
  route('POST', sessions, customer, order, WITH_BODY);
  const step = (method, path, work, config) => {
    const handler = async (request) => view(await work(idOf(request), { customer_id: request.user.id }, request));
    route(method, `${sessions}/:id${path}`, customer, handler, config);
  };
  step('GET', '', (id, owner) => chats.get(id, owner));
  step('POST', '/cancel', (id, owner) => chats.cancel(id, owner));
  step('POST', '/end', (id, owner) => chats.end(id, owner));
  step('POST', '/goodbye', (id, owner) => chats.goodbye(id, owner));
  step('POST', '/extension/pay', (id, owner) => chats.payExtension(id, owner));
  const extend = (id, owner, request) =>
    chats.extend(id, owner, bodyOf(request, { duration_seconds: isDuration }).duration_seconds);
  step('POST', '/extend', extend, WITH_BODY);
  route('POST', `${sessions}/:id/pay`, customer, async (request) => {
    const paid = await offers.pay(idOf(request), request.user.id);
    return { ...view(paid), offered: paid.offered };
  });
  return app;
}
