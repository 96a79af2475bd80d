Feature: C. Heartbeat path
  A ping is one write in Valkey and nothing in Postgres, and the guard in front of it is Valkey's too.

  Scenario: A ping is one write in Valkey and nothing in Postgres
    Given a quiet backend
    And Sari is an online mitra
    And Tuti is a mitra
    When Sari pings every 30 seconds for a few cycles
    Then C-01: she was online for at least one heartbeat cycle
    When Sari pings 500 times in a row, and Tuti, who is offline, 20 times
    Then C-02: no ping reached Postgres, and each of Sari's was exactly one write in Valkey
    And C-03: her heartbeat moved on with each ping, to the time of that ping

  Scenario: The heartbeat reaches Postgres with the next mirror cycle
    Given a backend that mirrors heartbeats every 60 seconds
    And Sari is an online mitra
    And Sari's last_heartbeat_at in Postgres is an hour old
    When Sari pings
    Then C-04: last_heartbeat_at is the time of her ping within a cycle and a second

  Scenario: A deactivated mitra's ping is refused by Valkey alone
    Given a quiet backend
    And Sari and Dewi are online mitras
    And Sari pings
    When the operator deactivates Sari
    And Sari pings
    Then C-05: the control center answers that Sari is inactive
    And C-06: Sari is in mitras:deactivated at once
    And C-07: her next ping is refused with 403 ACCOUNT_INACTIVE
    When Sari pings 500 times in a row, and is refused each time
    Then C-08: no refused ping reached Postgres, and none was written as a heartbeat

  Scenario Outline: Without Valkey a ping is checked in Postgres
    Given a quiet backend
    And Sari, Dewi and Rani are online mitras
    And Tuti is a mitra
    And the operator deactivates Dewi
    When Valkey is <how>
    Then C-09: Valkey is gone, seen from both ends
    When the operator deactivates Rani
    And Sari, Dewi, Rani and Tuti ping 5 times each
    Then C-10: Sari is served, Tuti is told that she is offline, Dewi and Rani are refused, and nothing is written
    When Valkey comes back
    And the backend has seeded again
    And Sari pings 20 times, and Dewi once
    And the backend is stopped
    Then C-11: these pings took the way through Valkey, and the log shows no fallback after the seed line

    Examples:
      | how     |
      | killed  |
      | cut off |

  Scenario: With Postgres stopped the hot paths answer all the same
    Given a quiet backend
    And Sari, Dewi and Rani are online mitras
    And the operator deactivates Dewi
    And beacon and dashboard have been read
    When Postgres is stopped
    And Sari and Dewi ping, and the beacon and the dashboard are read, 20 times each
    Then C-02: every ping of Sari's is answered 200 without Postgres
    And C-08: every ping of Dewi's is refused with 403 without Postgres
    And F-12: beacon and dashboard say the same without Postgres
