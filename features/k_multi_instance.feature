Feature: K. Several instances
  Two backends, one Postgres, one Valkey: what one does the other must not undo.

  Scenario: Two backends that start together leave one consistent mirror
    Given two quiet backends
    And Postgres holds mitras in every state, written by hand
    And Valkey holds what a seed has to clear away
    When both backends are restarted at the same time
    And both backends are stopped
    Then K-01: each logged one seed, and the mirror was and is what Postgres says

  Scenario: Toggles of one mitra through both backends at once
    Given two quiet backends
    And Sari is a mitra
    When Sari is toggled through both backends at once, 48 times over, with Valkey as near to both, then further from one, then from the other
    Then K-02: after each round the mirror agrees with Postgres, and the audit rows alternate

  Scenario: The availability snapshot is shared
    Given two quiet backends
    And Sari is an online mitra
    And Dewi is a mitra
    When the snapshot is missing, backend a is polled, Dewi goes online, and backend b is polled
    And the snapshot is missing, backend b is polled, Dewi goes offline, and backend a is polled
    Then K-03: each time the second answer is the first one's, with one recompute in the cluster

  Scenario: A setting changed on one backend invalidates on the other
    Given two quiet backends
    And Sari and Dewi are online mitras
    And Budi is a customer
    And Budi has a chat of 600 seconds with Sari
    And the snapshot holds what backend a answers
    When the operator sets max_customers_per_mitra to 1 on backend a, and nobody polls until backend b has heard of it
    And the operator sets max_customers_per_mitra to 3 on backend b, and nobody polls until backend a has heard of it
    And Dewi's last ping is 60 seconds old, by hand
    And the operator sets stale_after_seconds to 30 on backend a, and nobody polls until backend b has heard of it
    Then K-04: each time the other backend deleted the snapshot, and both answer by the new setting

  Scenario: Two heartbeat mirrors do not get in each other's way
    Given two backends that mirror heartbeats every 15 seconds
    And Sari, Dewi and Rani are online mitras
    And Sari keeps pinging backend a every 5 seconds
    And Dewi keeps pinging backend b every 5 seconds
    And Rani keeps pinging both backends every 5 seconds
    When both backends have mirrored 3 times
    And they stop pinging
    Then K-05: both wrote without an error, last_heartbeat_at never went back and ends as the newest heartbeat
