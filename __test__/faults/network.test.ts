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
  title: 'the network stands still, then goes on',
  url,
  break: () => proxy.hold(),
  heal,
  sees: ['statement_timeout', 'connection_failed', 'pool_timeout'],
  isNoticed: false,
});
