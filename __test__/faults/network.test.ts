/** The network between the adapter and its server. */
import { useDatabase } from '../helpers/database';
import { TcpProxy } from '../helpers/proxy';
import { scenario } from './helpers/scenario';

const db = useDatabase();
let proxy: TcpProxy;

beforeAll(async () => {
  proxy = await TcpProxy.start(db.url);
});
afterAll(() => proxy.close());

const url = () => proxy.url;
const heal = () => proxy.heal();

scenario(db, {
  title: 'the port is closed, and open connections break',
  url,
  break: () => proxy.close(),
  heal,
  sees: ['connection_failed'],
});

scenario(db, {
  title: 'every connection is reset as soon as it is made',
  url,
  break: () => {
    proxy.refuse();
    proxy.cut();
  },
  heal,
  sees: ['connection_failed'],
});

scenario(db, {
  title: 'open connections are reset, once',
  url,
  break: () => proxy.cut(),
  heal,
  sees: ['connection_failed'],
  isNoticed: false,
});

scenario(db, {
  title: 'connections are accepted and never answered',
  url,
  options: { connectionTimeoutMillis: 1_000 },
  break: () => {
    proxy.silence();
    proxy.cut();
  },
  heal,
  sees: ['pool_timeout', 'connection_failed'],
});

scenario(db, {
  title: 'every packet is 20 ms late',
  url,
  break: () => proxy.delay(20),
  heal,
  sees: [],
});

scenario(db, {
  title: 'the line carries 20 kB a second',
  url,
  break: () => proxy.throttle(20_000),
  heal,
  sees: [],
});

scenario(db, {
  isNoticed: false,
  title: 'each connection breaks after 3 kB from the adapter',
  url,
  break: () => proxy.cutAfter(3_000, 'up'),
  heal,
  sees: ['connection_failed'],
});

scenario(db, {
  isNoticed: false,
  title: 'each connection breaks after 3 kB from the server',
  url,
  break: () => proxy.cutAfter(3_000, 'down'),
  heal,
  sees: ['connection_failed'],
});

scenario(db, {
  title: 'the network stands still for half a second',
  url,
  break: () => proxy.hold(),
  heal,
  sees: [],
});

scenario(db, {
  title: 'the network stands still for longer than statementTimeoutMs',
  url,
  options: { statementTimeoutMs: 300 },
  break: () => proxy.hold(),
  heal,
  lastsMs: 2_000,
  sees: ['connection_failed', 'statement_timeout', 'pool_timeout'],
});

scenario(db, {
  title: 'open connections lose their server without a word (half-open)',
  url,
  options: { statementTimeoutMs: 500 },
  break: () => proxy.halfOpen(),
  heal,
  sees: ['connection_failed', 'statement_timeout', 'pool_timeout'],
});

scenario(db, {
  title: 'a byte in 5 kB from the adapter is corrupted',
  url,
  options: { statementTimeoutMs: 500, connectionTimeoutMillis: 2_000 },
  break: () => proxy.corruptEvery(5_000, 'up'),
  heal,
  sees: ['connection_failed', 'query_failed', 'invalid_input', 'statement_timeout', 'pool_timeout'],
});

scenario(db, {
  title: 'a byte in 5 kB from the server is corrupted',
  url,
  options: { statementTimeoutMs: 500, connectionTimeoutMillis: 2_000 },
  break: () => proxy.corruptEvery(5_000, 'down'),
  heal,
  sees: ['connection_failed', 'query_failed', 'statement_timeout', 'pool_timeout'],
});
