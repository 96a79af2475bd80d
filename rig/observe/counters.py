"""tmp"""

import psycopg


class TableCounters:
    def __init__(self, url, names):
        self.url = url

    def read(self):
        with psycopg.connect(self.url, autocommit=True) as c:
            return {
                r[0]: {
                    "seq_scan": r[1] or 0,
                    "idx_scan": r[2] or 0,
                    "n_tup_ins": r[3],
                    "n_tup_upd": r[4],
                    "n_tup_del": r[5],
                }
                for r in c.execute(
                    "select relname,seq_scan,idx_scan,n_tup_ins,n_tup_upd,n_tup_del from pg_stat_user_tables where relname in ('mitras','mitra_online_status','mitra_online_logs','customers','chat_sessions','chat_request_notifications','auth_sessions','app_config')"
                )
            }
