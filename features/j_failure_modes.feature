Feature: J. Failure modes
  Valkey is away for a while: everything goes on through Postgres, a little slower, and nothing has to be done by hand after it.

  Scenario Outline: The service goes on without Valkey, and the mirror is restored when it is back
    Given a quiet backend
    And Sari, Dewi, Rani, Gita and Wati are online mitras
    And Budi, Tono and Tini are customers
    And Tono has a chat of 600 seconds with Dewi
    When the beacon is polled 20 times
    And Valkey is <how>
    Then J-01: Valkey is gone, seen from both ends
    When Rani goes offline
    And the operator deactivates Wati
    And the beacon is polled another 20 times
    Then J-02: the beacon answers as ever, with the count of Postgres, which is asked now
    When Budi pays for a chat of 600 seconds, in the outage
    And Sari accepts Budi's chat
    Then J-03: the chat was offered to all who are available in Postgres, and has started
    When Sari and Dewi ping in the outage, 3 times each
    Then J-04: these pings are answered 200 and logged as fallbacks, and nothing is written
    When Valkey has been away for a second in all
    And max_customers_per_mitra becomes 1 in app_config, which nobody can be told of
    And Valkey comes back
    And the backend has seeded again, or its time for it is up
    And Dewi pings
    And both stores are read
    And the beacon goes by the new setting, or its time for it is up
    And Sari pings, the beacon is polled anew, and Tini pays for a chat of 600 seconds
    And config:invalidate says that a setting changed
    And the backend is stopped
    Then J-06: a seed came within 5 s, restored everything, and from then on Valkey is used

    Examples:
      | how     |
      | killed  |
      | cut off |

  Scenario Outline: Who goes online or offline in an outage is so in the mirror after it
    Given a backend that reconciles every 300 seconds
    And Sari is a mitra
    And Dewi is an online mitra
    When Valkey is <how>
    Then J-01: Valkey is gone, seen from both ends
    When Sari goes online
    And Dewi goes offline
    And what Postgres and the log say of it is noted
    And Valkey comes back
    Then J-05: both toggles were answered, kept and logged, Sari is in mitras:online in time, and Dewi is not

    Examples:
      | how     |
      | killed  |
      | cut off |
