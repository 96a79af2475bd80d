Feature: G. Auto-offline sweep
  Who falls silent is taken offline and audited, and nobody else; while Valkey is away nobody is.

  Scenario Outline: A mitra who falls silent is taken offline, and only they
    Given a backend that looks for stale mitras every 10 seconds
    Then G-01: the backend was started with a sweep every 10 seconds
    When stale_after_seconds is set to 15 <where>
    Then G-02: the setting is in force
    Given Dewi, Rani, Lina, Maya, Nita, Ratna and Putri are online mitras
    And Dewi, Rani, Lina, Maya, Nita, Ratna and Putri keep pinging every 5 seconds
    When Sari and Tuti go online and send one ping
    Then G-03: both pings are taken
    When Sari's heartbeat key is deleted by hand
    Then G-04: the key was there and is gone
    When <meanwhile>
    And both have been taken offline, or the stale time and one more sweep have passed
    Then G-05: that time was waited for
    And G-06: Postgres says that Sari and Tuti are offline, with one audit row each, and that the others are not
    And G-07: neither is in mitras:online, neither has a heartbeat key

    Examples:
      | where                 | meanwhile                                                               |
      | in the control center | somebody puts an id that is nobody's into mitras:online                 |
      | in app_config         | Sari's heartbeat is no time any more, and the operator shuts Tuti out   |

  Scenario Outline: While Valkey is away every sweep is skipped and nobody is taken offline
    Given a backend that looks for stale mitras every 10 seconds
    And stale_after_seconds is set to 15 in the control center
    And Sari, Dewi, Rani and Tuti are online mitras
    And Sari, Dewi, Rani and Tuti keep pinging every 10 seconds
    When Valkey is <how>
    Then G-08: Valkey is gone, seen from both ends
    When Valkey stays away for 4 sweeps
    And Valkey comes back
    And the backend has seeded again
    And 2 more sweeps have passed
    Then G-09: each sweep of the outage was skipped with a line in the log
    And G-10: no statement wrote a mitra's online status in the outage, and none of the four is taken offline after it

    Examples:
      | how     |
      | killed  |
      | cut off |
