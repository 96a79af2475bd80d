Feature: D. Capacity counter
  A mitra's load is counted anew after each step in the life of a chat, and the blast leaves out who is full.

  Scenario: Two chats are counted and ended one after the other
    Given a backend
    And Sari is an online mitra
    And Budi and Tono are customers
    Then D-01: Sari's capacity is 0
    When Budi pays for a chat of 600 seconds
    And Sari accepts Budi's chat
    Then D-02: Budi's chat has started
    And D-03: Sari's capacity is 1 within 1 s of her accepting
    When Tono pays for a chat of 600 seconds
    And Sari accepts Tono's chat
    Then D-04: Tono's chat has started as well
    And D-05: Sari's capacity is 2
    When Sari ends Budi's chat early
    And Tono ends the chat
    Then D-08: the second chat is ended
    And D-09: Sari's capacity is 0 again

  Scenario Outline: A chat that runs out is counted until its goodbye
    Given a backend with a goodbye window of 60 seconds
    And Sari is an online mitra
    And Budi and Tono are customers
    And Tono has a chat of 600 seconds with Sari
    And Budi has a chat of 3 seconds with Sari
    When Budi's time runs out and the goodbye comes <goodbye>
    Then D-06: the chat was counted to its end, and ended by the goodbye
    And D-07: Sari's capacity is 1 within 1 s of that end
    When Tono ends the chat
    Then D-08: the second chat is ended
    And D-09: Sari's capacity is 0 again

    Examples:
      | goodbye                    |
      | from the customer          |
      | when the window has passed |
      | after an unpaid extension  |

  Scenario: A reroute moves the load with the session
    Given a backend
    And Sari and Dewi are online mitras
    And Budi and Tono are customers
    And Budi has a chat of 600 seconds with Sari
    And Tono has a chat of 600 seconds with Dewi
    When the operator reroutes Budi's chat from Sari to Dewi
    Then D-10: the session belongs to Dewi
    And D-11: Sari's capacity went down and Dewi's went up, in step with the session

  Scenario: A full mitra is left out of the blast
    Given a quiet backend
    And Sari, Dewi and Rani are online mitras
    And Budi is a customer
    When Sari's capacity is set to the maximum by hand, and Dewi's to one below it
    Then D-12: the capacities stand in Valkey as set
    When Budi pays for a chat of 600 seconds
    Then D-13: Dewi and Rani were offered the chat, Sari was not
