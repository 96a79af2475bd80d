Feature: B. Online / offline toggle
  A toggle is written to Postgres first and to the mirror right after; Valkey's absence never spoils it.

  Scenario: A toggle is written through to both stores
    Given a backend
    And Sari and Dewi are mitras
    When Sari goes online, and the COMMIT is held back for a moment
    Then B-01: Postgres says that Sari is online
    And B-02: Sari is in mitras:online within 1 s of the answer, and not before Postgres committed
    And B-03: Sari's heartbeat is a fresh time in UTC
    When Sari goes offline
    Then B-04: the toggle to offline is answered
    And B-05: Postgres says offline, and the mirror holds neither Sari nor her heartbeat
    When Sari goes online again and again, then offline again and again
    Then B-06: the audit holds one row a change, online and offline in turn, and none for the repeats

  Scenario Outline: A toggle succeeds while Valkey is away, and the mirror catches up
    Given a backend that reconciles every 300 seconds
    And Sari is a mitra
    And Dewi is an online mitra
    When Valkey is <how>
    And Sari goes online
    And Dewi goes offline
    Then B-07: both toggles are answered with 200, Postgres has them, and the log says which write failed
    When Valkey comes back
    Then B-08: the mirror has Sari again and Dewi no more, in time

    Examples:
      | how     |
      | killed  |
      | cut off |
