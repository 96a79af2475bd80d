Feature: F. Read paths
  Everyone who asks for availability is answered from Valkey, by its own rule; without Valkey by Postgres, by a looser one.

  Scenario: Reachability and the blast are answered from Valkey alone
    Given a quiet backend
    And Budi and Tono are customers
    And mitras online in every state that a reader has to tell apart
    When the operator asks whether each of them is reachable
    Then F-01: who is online with a fresh heartbeat is reachable, who is offline or deactivated is not
    When the operator sets stale_after_seconds to 30
    And heartbeats are written by hand: just fresh, just stale, none, and no time at all
    And the operator asks again whether each of them is reachable
    And Budi pays for a chat of 600 seconds, watched in both stores
    And two capacity keys are taken away by hand
    And the operator asks who is available, and Tono pays for a chat of 600 seconds
    And the backend is stopped
    Then F-02: a stale, missing or garbled heartbeat makes unreachable, though Postgres says online
    And F-04: the blast took the way through Valkey, and neither log nor statements show a fallback
    And F-05: the ids are those of SDIFF that have room and a fresh heartbeat

  Scenario Outline: Without Valkey the readers follow Postgres
    Given a quiet backend
    And Budi is a customer
    When Valkey is <how>
    And Postgres gets mitras in every state that a fallback has to tell apart
    And the operator asks whether each of them is reachable without Valkey
    And Budi pays for a chat of 600 seconds
    And the operator asks who is available
    Then F-03: the fallback is logged, and the answers follow is_online, however old last_heartbeat_at is
    And F-06: the fallback is logged, and offered are those whom Postgres has online, active and with room

    Examples:
      | how     |
      | killed  |
      | cut off |

  Scenario: The beacon tells the truth and shares its answer for ten seconds
    Given a quiet backend
    And Budi and Tono are customers
    When the beacon is polled with nobody online
    And mitras come online in every state that a reader has to tell apart
    And the beacon is polled by several customers, and once more after a second
    And a snapshot is written by hand, and the beacon polled
    Then F-07: the beacon counts exactly those who are available, and says so when nobody is
    And F-08: the snapshot holds the same answer for at most ten seconds, is written once, and is what everybody gets

  Scenario: A crowd of polls costs one recompute in ten seconds
    Given a quiet backend
    And Sari and Dewi are online mitras
    When the beacon is polled 6 times a second from 3 addresses for 11 seconds
    Then F-09: Valkey saw one recompute in any 9.5 seconds, Postgres not a single availability query

  Scenario: A changed maximum is seen at the next poll
    Given a quiet backend
    And Sari, Dewi and Rani are online mitras
    And Budi, Tono and Tini are customers
    And Budi has a chat of 600 seconds with Dewi
    And Tono has a chat of 600 seconds with Rani
    And Tini has a chat of 600 seconds with Rani
    When the beacon is polled
    And the operator sets max_customers_per_mitra to 2, and its COMMIT is held back for a moment
    And nobody polls until the snapshot is gone, or for a second
    And the beacon is polled again
    Then F-10: the snapshot was deleted within 1 s, and the next poll counted anew

  Scenario: The dashboard counts mitras:online
    Given a quiet backend
    And Sari, Dewi, Rani and Tuti are mitras
    When the dashboard is read after each of several changes
    Then F-11: each time it says what SCARD mitras:online says, deactivated mitras included
    When the dashboard is read 500 times
    Then F-12: not one of these asked Postgres who is online
