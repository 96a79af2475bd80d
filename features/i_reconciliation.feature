Feature: I. Reconciliation sweep
  Whatever drifted, by hand or by a write that Valkey refused, is put right at the next full seed.

  Scenario: Corruption by hand is healed within a cycle
    Given a backend that reconciles every 30 seconds
    Then I-01: the backend was started with a reconciliation every 30 seconds
    Given Sari, Dewi, Rani, Tuti and Gita are online mitras
    And Wati is a deactivated mitra
    And Budi is a customer
    And Budi has a chat of 600 seconds with Dewi
    And Rani pings
    When mitras:online, mitras:deactivated, capacities and heartbeats are corrupted by hand
    Then I-02: every corruption took effect
    And I-03: a new seed line appears within one cycle
    And I-04: Valkey matches Postgres exactly, a missing heartbeat is written and no other is touched

  Scenario: A write that Valkey refused without a disconnect is healed within a cycle
    Given a backend that reconciles every 30 seconds
    And Dewi is an online mitra
    And Sari is a mitra
    When Valkey has no memory left for a whole cycle of 30 seconds, and Sari goes online meanwhile
    Then I-03: a new seed line appears within one cycle
    And I-04: Valkey matches Postgres exactly

  Scenario: 0 turns the sweep off, but not the seed after a loss
    Given a backend that never reconciles
    And Sari is an online mitra
    Then I-05: the backend was started with a reconciliation of 0
    When 310 seconds have passed
    And FLUSHDB empties Valkey
    Then I-06: nothing was seeded since the start, and the FLUSHDB is answered by a seed all the same
