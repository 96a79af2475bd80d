Feature: H. Batched heartbeat mirror
  Heartbeats live in Valkey; once a cycle a single statement carries all of them to Postgres.

  Scenario: One statement a cycle mirrors every heartbeat
    Given a backend that mirrors heartbeats every 15 seconds
    And Sari, Dewi and Rani are online mitras
    And Tuti is an online mitra who pings once and then falls silent
    And somebody puts two ids that are nobody's into mitras:online, one with a heartbeat that is no time
    And Sari, Dewi and Rani keep pinging every 5 seconds
    Then H-01: several mitras are online and their pings are taken
    And H-02: the backend was started with a mirror cycle of 15 seconds
    When 3 mirror cycles have passed
    Then H-03: each cycle is one statement with UNNEST that holds everyone who is online, and nothing else writes there
    And H-04: last_heartbeat_at of everyone who pings is from within the last cycle
    And H-05: Postgres lags Valkey by a cycle at most and is never ahead, for silent Tuti too

  Scenario Outline: While Valkey is away the mirror is skipped and last_heartbeat_at stands still
    Given a backend that mirrors heartbeats every 15 seconds
    And Sari, Dewi and Rani are online mitras
    And Sari, Dewi and Rani keep pinging every 5 seconds
    When their heartbeats have been mirrored
    And Valkey is <how>
    Then H-06: Valkey is gone, seen from both ends
    When Valkey stays away for 4 mirror cycles
    And Valkey comes back
    And the backend has seeded again
    Then H-07: each cycle of the outage was skipped with a line in the log
    And H-08: last_heartbeat_at stood still in the outage, though all three kept pinging

    Examples:
      | how     |
      | killed  |
      | cut off |
