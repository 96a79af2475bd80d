Feature: Smoke tests
  Five minutes after a deploy, in five seconds.

  Scenario: The happy path from seed to goodbye
    Given a backend
    And Sari is a mitra
    And Budi is a customer
    Then SMOKE-01: the backend's log shows a finished seed
    When Sari goes online
    Then SMOKE-02: Sari appears in mitras:online
    And SMOKE-03: the beacon turns from unavailable to available, so that the customer's button is enabled
    When Budi pays for a chat of 600 seconds
    And Sari accepts Budi's chat
    Then SMOKE-04: the chat is active and Sari's capacity counter goes up by one
    When Budi ends the chat
    Then SMOKE-05: the chat is ended and Sari's capacity counter goes down by one
    When Sari goes offline
    Then SMOKE-06: Sari is gone from mitras:online
